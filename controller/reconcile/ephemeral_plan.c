#include "controller/reconcile/ephemeral_plan.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_claims.h"

#include <stdlib.h>

bool ephemeral_wants(const struct value *pod)
{
    const char *phase = value_str(value_path(pod, "status", "phase", NULL));
    return !value_path(pod, "metadata", "deletionTimestamp", NULL) && !str_eq(phase, "Succeeded") &&
           !str_eq(phase, "Failed");
}

static struct value *owner(const struct value *pod)
{
    struct value *list = value_new_list(), *ref = value_new_map();
    value_set_str(ref, "apiVersion", "v1");
    value_set_str(ref, "kind", "Pod");
    value_set_str(ref, "name", object_name(pod));
    value_set_str(ref, "uid", object_uid(pod));
    value_set_bool(ref, "controller", true);
    value_set_bool(ref, "blockOwnerDeletion", true);
    value_append(list, ref);
    return list;
}

struct value *ephemeral_claim(const struct value *pod, const struct value *volume)
{
    static const char *const kept[] = {"labels", "annotations"};
    const struct value *template = value_path(volume, "ephemeral", "volumeClaimTemplate", NULL);
    struct value *claim = value_new_map(), *meta = value_make_map(claim, "metadata", NULL);
    autofree char *name = pod_claims_own(pod, value_get_str(volume, "name"));
    value_set_str(meta, "name", name);
    value_set_str(meta, "namespace", object_namespace(pod));
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct value *map = value_path(template, "metadata", kept[i], NULL);
        if (value_type(map) == VALUE_MAP)
            value_set(meta, kept[i], value_copy(map));
    }
    value_set(meta, "ownerReferences", owner(pod));
    if (value_get(template, "spec"))
        value_set(claim, "spec", value_copy(value_get(template, "spec")));
    return claim;
}

bool ephemeral_owns(const struct value *claim, const char *pod_uid)
{
    const struct value *owners = value_path(claim, "metadata", "ownerReferences", NULL);
    for (size_t i = 0; i < value_len(owners); i++)
        if (value_get_bool(value_at(owners, i), "controller", false) &&
            str_eq(value_get_str(value_at(owners, i), "uid"), pod_uid))
            return true;
    return false;
}
