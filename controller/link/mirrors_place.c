#include "controller/link/mirrors_impl.h"

#include "common/base/log.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_mirror.h"
#include "controller/api/pod_at_node.h"

const struct api_user mirrors_user = {.name = "system:limpet:link"};

static void deleted(void *ctx, const struct api_answer *answer)
{
    (void)ctx;
    if (answer->code >= 400 && answer->code != 404 && answer->code != 409)
        log_warn("mirror pod not removed: reason=%s",
                 log_quote(value_get_str(answer->object, "message")));
}

void mirrors_delete_pod(struct mirrors *mirrors, const struct value *pod)
{
    const struct api_ref ref = {&kind_pod, object_namespace(pod), object_name(pod)};
    const struct api_delete_options options = {.grace_s = 0, .uid = object_uid(pod)};
    api_delete(mirrors->spec.api, &mirrors_user, &ref, &options, 0, deleted, NULL);
}

enum mirrors_place mirrors_place(const struct entry *entry)
{
    struct mirrors *mirrors = entry->mirrors;
    const struct api_ref ref = {&kind_pod, entry->ns, entry->name};
    const struct value *pod = NULL;
    if (api_see(mirrors->spec.api, &mirrors_user, &ref, &pod) != 0)
        return PLACE_FREE;
    if (!object_annotation(pod, POD_MIRROR) && !WEAKENED(MIRRORS_ORDINARY))
        return PLACE_TAKEN;
    if (pod_is_of_node(pod, entry->node->name, entry->uid))
        return PLACE_OURS;
    const char *uid = pod_uid_at_node(pod);
    if (!pod_is_of_node(pod, entry->node->name, uid) ||
        mirrors_find(mirrors, entry->node->name, uid))
        return PLACE_TAKEN;
    cleanup(value_free) struct value *copy = value_copy(pod);
    mirrors_delete_pod(mirrors, copy);
    return PLACE_TAKEN; /* on_pod tells when it is free */
}
