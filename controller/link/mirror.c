#include "controller/link/mirror.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/pod_mirror.h"

#include <errno.h>

/* kubernetes.io/docs/tasks/configure-pod-container/static-pod: the owner is the node, and not so
 * that the node could not be deleted before it. */
static struct value *owned_by(const struct mirror_of *of)
{
    struct value *owners = value_new_list(), *owner = value_new_map();
    value_set_str(owner, "apiVersion", "v1");
    value_set_str(owner, "kind", "Node");
    value_set_str(owner, "name", of->node);
    value_set_str(owner, "uid", of->node_uid);
    value_set_bool(owner, "controller", true);
    value_append(owners, owner);
    return owners;
}

static struct value *meta_of(const struct mirror_of *of, struct value *told)
{
    static const char *const taken[] = {"labels", "annotations"};
    struct value *meta = value_new_map();
    value_set_str(meta, "name", of->name);
    value_set_str(meta, "namespace", of->ns);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (value_type(value_get(told, taken[i])) == VALUE_MAP)
            value_set(meta, taken[i], value_take(told, taken[i]));
    struct value *annotations = value_make_map(meta, "annotations", NULL);
    value_set_str(annotations, POD_MIRROR, of->uid);
    value_set_str(annotations, POD_MIRROR_UID, of->uid);
    value_set_str(annotations, POD_MIRROR_SOURCE, "file");
    value_set(meta, "ownerReferences", owned_by(of));
    return meta;
}

/* Nothing that the API holds against the node makes it end what runs by its own manifests. */
static void tolerate(struct value *spec)
{
    struct value *list = value_get(spec, "tolerations"), *all = value_new_map();
    if (value_type(list) != VALUE_LIST)
        list = value_set(spec, "tolerations", value_new_list());
    value_set_str(all, "operator", "Exists");
    value_set_str(all, "effect", "NoExecute");
    for (size_t i = 0; i < value_len(list); i++) {
        if (!value_equal(value_at(list, i), all))
            continue;
        value_free(all);
        return;
    }
    value_append(list, all);
}

int mirror_make(const struct mirror_of *of, const char *text, size_t len, struct value **ret_pod,
                struct value **ret_status, struct err *err)
{
    cleanup(value_free) struct value *told = NULL;
    int rc = json_parse(text, len, &told, err);
    if (rc < 0)
        return rc;
    struct value *meta = value_get(told, "metadata");
    if (!str_eq(value_get_str(told, "kind"), "Pod") ||
        !str_eq(value_get_str(meta, "name"), of->name) ||
        !str_eq(value_get_str(meta, "namespace"), of->ns) ||
        !str_eq(value_get_str(meta, "uid"), of->uid) ||
        value_type(value_get(told, "spec")) != VALUE_MAP)
        return err_set(err, -EINVAL, "the node answered with something else than the pod");
    struct value *pod = value_new_map();
    bool has_status = value_type(value_get(told, "status")) == VALUE_MAP;
    value_set_str(pod, "apiVersion", "v1");
    value_set_str(pod, "kind", "Pod");
    value_set(pod, "metadata", meta_of(of, meta));
    struct value *spec = value_set(pod, "spec", value_take(told, "spec"));
    value_set_str(spec, "nodeName", of->node);
    tolerate(spec);
    *ret_pod = pod;
    *ret_status = has_status ? value_take(told, "status") : value_new_map();
    return 0;
}
