#include "controller/link/hub_impl.h"

#include "common/base/str.h"
#include "controller/api/pod_at_node.h"

#include <errno.h>

static const struct api_user user = {.name = "system:limpet:link"};

int hub_call_member(struct hub *hub, const char *name, const char *method, const struct value *args,
                    const struct call_handler *handler, void *ctx, struct call **ret,
                    struct err *err)
{
    const struct member *member = members_named(hub->members, name);
    if (!member)
        return err_set(err, -503, "node %s is not enrolled at this gateway", name);
    int rc =
        call_open(hub->calls, session_node(member->session), method, args, handler, ctx, ret, err);
    if (rc == -EBUSY)
        return err_set(err, -429, "too many streams to nodes are open");
    return rc < 0 ? err_set(err, -503, "node %s cannot be reached just now", name) : 0;
}

int hub_call_node(struct hub *hub, const char *name, const char *method, struct value *args,
                  const struct call_handler *handler, void *ctx, struct call **ret, struct err *err)
{
    cleanup(value_free) struct value *none = args ? NULL : value_new_map();
    args = args ? args : none;
    value_set_str(args, "namespace", "");
    value_set_str(args, "pod", "");
    return hub_call_member(hub, name, method, args, handler, ctx, ret, err);
}

int hub_call_pod(struct hub *hub, const char *ns, const char *pod, const char *method,
                 struct value *args, const struct call_handler *handler, void *ctx,
                 struct call **ret, struct err *err)
{
    const struct api_ref ref = {&kind_pod, ns, pod};
    cleanup(value_free) struct value *object = NULL;
    if (api_get(hub->spec.api, &user, &ref, &object) != 0)
        return err_set(err, -404, "pods \"%s\" not found", pod);
    const char *name = value_str(value_path(object, "spec", "nodeName", NULL));
    if (str_empty(name))
        return err_set(err, -400, "pod %s is not scheduled to a node yet", pod);
    const char *uid = value_get_str(args, "uid");
    if (uid && !str_eq(uid, object_uid(object)))
        return err_set(err, -404, "pods \"%s\" not found", pod);
    value_set_str(args, "namespace", ns);
    value_set_str(args, "pod", pod);
    value_set_str(args, "uid", pod_uid_at_node(object));
    return hub_call_member(hub, name, method, args, handler, ctx, ret, err);
}
