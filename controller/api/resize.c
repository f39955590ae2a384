#include "controller/api/resize.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_mirror.h"
#include "common/kinds/pod_qos.h"
#include "common/kinds/resizable.h"
#include "common/schema/quantity.h"

#include <stdio.h>

/* One container, before and after. */
struct pair {
    const char *list;
    size_t i;
    const struct value *old, *next;
};

static void forbid(const struct pair *pair, const char *below, const char *why, struct diags *diags)
{
    char path[128];
    snprintf(path, sizeof(path), "spec.%s[%zu].resources.%s", pair->list, pair->i, below);
    diags_add(diags, 0, path, CAUSE_FORBIDDEN, "Forbidden: %s", why);
}

/* All that may not change; the caller's. */
static struct value *rest_of(const struct value *container)
{
    struct value *rest = value_copy(container);
    resizable_drop(rest);
    return rest;
}

static const struct value *amount(const struct value *container, const char *part, const char *name)
{
    const struct value *amount = value_path(container, "resources", part, name, NULL);
    return value_type(amount) == VALUE_NULL ? NULL : amount;
}

static void check_removed(const struct pair *pair, struct diags *diags)
{
    for (size_t p = 0; p < RESIZABLE_PARTS; p++)
        for (size_t n = 0; n < RESIZABLE_NAMES; n++)
            if (amount(pair->old, resizable_parts[p], resizable_names[n]) &&
                !amount(pair->next, resizable_parts[p], resizable_names[n])) {
                forbid(pair, resizable_parts[p],
                       p == RESIZABLE_REQUESTS ? "resource requests cannot be removed"
                                               : "resource limits cannot be removed",
                       diags);
                break;
            }
}

static void check_memory(const struct pair *pair, struct diags *diags)
{
    struct quantity before, after;
    if (quantity_of(amount(pair->old, "limits", "memory"), &before) == 0 &&
        quantity_of(amount(pair->next, "limits", "memory"), &after) == 0 &&
        quantity_compare(&after, &before) < 0 && !resizable_restarts(pair->next, "memory") &&
        !WEAKENED(RESIZE_MEMORY))
        forbid(pair, "limits[memory]",
               "memory limits cannot be decreased unless resizePolicy is RestartContainer", diags);
}

static void check_pair(const struct pair *pair, struct diags *diags)
{
    bool init = str_eq(pair->list, "initContainers");
    bool runs = !init || str_eq(value_get_str(pair->old, "restartPolicy"), "Always");
    cleanup(value_free) struct value *before = runs ? rest_of(pair->old) : value_copy(pair->old);
    cleanup(value_free) struct value *after = runs ? rest_of(pair->next) : value_copy(pair->next);
    if (!value_equal(before, after))
        diags_add(diags, 0, "spec", CAUSE_FORBIDDEN, "Forbidden: %s",
                  !runs  ? "resources for non-sidecar init containers are immutable"
                  : init ? "only cpu and memory resources for sidecar containers are mutable"
                         : "only cpu and memory resources are mutable");
    else if (runs) {
        check_removed(pair, diags);
        check_memory(pair, diags);
    }
}

void resize_check(const struct value *stored, const struct value *next, struct diags *diags)
{
    static const char *const lists[] = {"containers", "initContainers"};
    const struct value *was = value_get(stored, "spec"), *is = value_get(next, "spec");
    if (value_path(stored, "metadata", "annotations", POD_MIRROR, NULL)) {
        diags_add(diags, 0, "", CAUSE_FORBIDDEN, "Forbidden: static pods cannot be resized");
        return;
    }
    if (pod_qos(was) != pod_qos(is) && !WEAKENED(RESIZE_QOS))
        diags_add(diags, 0, "spec", CAUSE_INVALID, "Invalid value: \"%s\": %s",
                  pod_qos_name(pod_qos(is)),
                  "Pod QOS Class may not change as a result of resizing");
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *old = value_get(was, lists[l]), *list = value_get(is, lists[l]);
        for (size_t i = 0; i < value_len(old) && i < value_len(list); i++)
            check_pair(&(struct pair){lists[l], i, value_at(old, i), value_at(list, i)}, diags);
    }
}
