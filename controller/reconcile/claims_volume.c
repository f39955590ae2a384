#include "controller/reconcile/claims_impl.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/kinds/local_volume.h"
#include "controller/manifest/local_volume.h"
#include "controller/reconcile/volumes_plan.h"

static int set_phase(const struct claims_request *request, struct value *object)
{
    const struct claims *claims = reconciler_ctx(&request->write);
    int64_t now = clock_wall(loop_clock(claims->loop));
    return claims_same(object, request->object)
               ? volumes_phase(object, request->name, request->note.message, now)
               : 1;
}

static int unbind(const struct claims_request *request, struct value *object)
{
    return claims_same(object, request->object) ? volumes_unbind(object) : 1;
}

static int unprotect(const struct claims_request *request, struct value *object)
{
    return claims_same(object, request->object) ? volumes_release(object, LOCAL_VOLUME_PROTECTION)
                                                : 1;
}

static int forget(const struct claims_request *request, struct value *object)
{
    return claims_same(object, request->object) ? volumes_release(object, LOCAL_VOLUME_FINALIZER)
                                                : 1;
}

static void delete_volume(struct claims *claims, const struct value *volume)
{
    const struct api_ref ref = {&kind_persistent_volume, "", object_name(volume)};
    struct claims_request *request = reconciler_begin(claims->frame, ref.name, &claims_ops);
    const struct api_delete_options options = {.grace_s = -1, .uid = object_uid(volume)};
    log_info("volume goes with its claim volume=%s", ref.name);
    api_delete(claims->api, &claims_user, &ref, &options, 0, reconciler_written, request);
}

static void act(struct claims *claims, const struct value *volume, struct volume_verdict *verdict)
{
    static const struct claims_step steps[] = {
        [VOLUME_PHASE] = {set_phase, API_STATUS},
        [VOLUME_UNBIND] = {unbind, 0},
        [VOLUME_UNPROTECT] = {unprotect, 0},
        [VOLUME_FORGET] = {forget, 0},
    };
    if (verdict->action == VOLUME_KEEP)
        return;
    if (verdict->action == VOLUME_DELETE) {
        delete_volume(claims, volume);
        return;
    }
    const struct api_ref ref = {&kind_persistent_volume, "", object_name(volume)};
    struct claims_request *request = reconciler_begin(claims->frame, ref.name, &claims_ops);
    request->object = value_copy(volume);
    request->name = verdict->phase ? xstrdup(verdict->phase) : NULL;
    request->note = verdict->note;
    verdict->note = (struct claims_note){0};
    claims_patch(request, &ref, &steps[verdict->action]);
}

static bool is_gone(const struct claims *claims, const char *node)
{
    const struct api_ref ref = {&kind_node, "", node};
    const struct value *object;
    return api_see(claims->api, &claims_user, &ref, &object) == -404;
}

void claims_look_at_volume(struct claims *claims, const char *name)
{
    cleanup(value_free) struct value *volume =
        reconciler_get(claims->frame, &kind_persistent_volume, name);
    cleanup(volume_verdict_done) struct volume_verdict verdict = {0};
    cleanup(volume_done) struct volume_view view = {0};
    if (!volume)
        return;
    volume_read(&view, volume);
    cleanup(value_free) struct value *claim =
        reconciler_get(claims->frame, &kind_persistent_volume_claim, view.claim);
    const char *node = view.deleting ? local_volume_node(volume) : NULL;
    const struct volume_facts facts = {
        .volume = volume, .claim = claim, .node_gone = node && is_gone(claims, node)};
    volumes_plan(&facts, &verdict);
    act(claims, volume, &verdict);
}
