#include "controller/reconcile/claims_impl.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/reconcile/claims_plan.h"

static int take_volume(const struct claims_request *request, struct value *object)
{
    return claims_take_volume(object, request->claim);
}

static int take_claim(const struct claims_request *request, struct value *object)
{
    return claims_same(object, request->claim) ? claims_take_claim(object, request->name) : 1;
}

static int be_bound(const struct claims_request *request, struct value *object)
{
    return claims_same(object, request->claim) ? claims_is_bound(object, request->object) : 1;
}

static int be_lost(const struct claims_request *request, struct value *object)
{
    return claims_same(object, request->claim) ? claims_is_lost(object) : 1;
}

static int release_claim(const struct claims_request *request, struct value *object)
{
    return claims_same(object, request->claim) ? claims_release(object) : 1;
}

static enum work_end on_provisioned(struct reconciler_write *write, const struct api_answer *answer)
{
    struct claims_request *request = container_of(write, struct claims_request, write);
    const char *message = value_get_str(answer->object, "message");
    if (answer->code < 300) {
        log_info("volume made claim=%s volume=%s", write->key, object_name(answer->object));
        claims_note_set(&request->note, "Normal", "ProvisioningSucceeded",
                        "Successfully provisioned volume %s", object_name(answer->object));
    } else if (answer->code != 409) {
        cleanup(claims_note_done) struct claims_note note = {0};
        claims_note_set(&note, "Warning", "ProvisioningFailed",
                        "failed to provision volume with StorageClass \"%s\": %s", request->name,
                        message ? message : "unknown reason");
        claims_tell(reconciler_ctx(write), write->key, request->claim, &note);
    }
    return claims_written(write, answer);
}

static void provision(struct claims *claims, const char *key, const struct value *claim,
                      const struct value *class)
{
    static const struct reconciler_ops ops = {
        .size = sizeof(struct claims_request), .done = on_provisioned, .free = claims_request_free};
    cleanup(value_free) struct value *volume = claims_provision(claim, class);
    const struct api_ref ref = {&kind_persistent_volume, "", object_name(volume)};
    struct claims_request *request = reconciler_begin(claims->frame, key, &ops);
    request->claim = value_copy(claim);
    request->name = xstrdup(object_name(class));
    api_create(claims->api, &claims_user, &ref, volume, 0, reconciler_written, request);
}

static void act(struct claims *claims, const char *key, const struct claim_facts *facts,
                struct claim_verdict *verdict)
{
    static const struct claims_step steps[] = {
        [CLAIM_TAKE_VOLUME] = {take_volume, 0},    [CLAIM_TAKE_CLAIM] = {take_claim, 0},
        [CLAIM_IS_BOUND] = {be_bound, API_STATUS}, [CLAIM_IS_LOST] = {be_lost, API_STATUS},
        [CLAIM_RELEASE] = {release_claim, 0},
    };
    if (verdict->action == CLAIM_KEEP) {
        claims_tell(claims, key, facts->claim, &verdict->note);
        return;
    }
    if (verdict->action == CLAIM_PROVISION) {
        provision(claims, key, facts->claim, facts->class);
        return;
    }
    struct claims_request *request = reconciler_begin(claims->frame, key, &claims_ops);
    struct api_ref ref = {&kind_persistent_volume_claim, object_namespace(facts->claim),
                          object_name(facts->claim)};
    request->claim = value_copy(facts->claim);
    request->object = facts->named ? value_copy(facts->named) : NULL;
    request->name = steal(verdict->volume);
    request->note = verdict->note;
    verdict->note = (struct claims_note){0};
    if (verdict->action == CLAIM_TAKE_VOLUME) {
        struct volume_view *view = volume_index_get(claims->volumes, request->name);
        if (view)
            view->taken = true;
        request->taken = xstrdup(request->name);
        ref = (struct api_ref){&kind_persistent_volume, "", request->name};
    }
    claims_patch(request, &ref, &steps[verdict->action]);
}

/* One that is kept for the claim, or one that fits; where its first pod is to run, if its class
 * waits for that. */
static const struct volume_view *find_volume(const struct claims *claims, const char *key,
                                             const struct claim_facts *facts,
                                             const struct claim_view *claim,
                                             const struct value *node)
{
    const struct volume_view *kept =
        volume_index_of(claims->volumes, key, object_uid(facts->claim));
    if (kept && !volume_kept_misfit(kept, claim))
        return kept;
    if (!claims_wait_for_pod(facts->class))
        return volume_index_pick(claims->volumes, claim, NULL);
    struct sched_node view = {0};
    if (!node)
        return NULL;
    sched_node_read(&view, node);
    const struct volume_view *found = volume_index_pick(claims->volumes, claim, &view);
    sched_node_done(&view);
    return found;
}

void claims_look_at_claim(struct claims *claims, const char *key)
{
    cleanup(value_free) struct value *object =
        reconciler_get(claims->frame, &kind_persistent_volume_claim, key);
    cleanup(claim_verdict_done) struct claim_verdict verdict = {0};
    cleanup(claim_done) struct claim_view view = {0};
    if (!object)
        return;
    claim_read(&view, object);
    cleanup(value_free) struct value *named =
        reconciler_get(claims->frame, &kind_persistent_volume, view.volume);
    cleanup(value_free) struct value *class =
        *view.volume ? NULL : reconciler_get(claims->frame, &kind_storage_class, view.terms.class);
    cleanup(value_free) struct value *node =
        *view.volume ? NULL : reconciler_get(claims->frame, &kind_node, view.node);
    struct claim_facts facts = {
        .claim = object,
        .named = named,
        .class = class,
        .placed = node != NULL,
        .used = claim_users_placed(claims->users, key),
        .waiting = claim_users_waiting(claims->users, key),
    };
    if (!*view.volume && !view.deleting)
        facts.found = find_volume(claims, key, &facts, &view, node);
    claims_plan(&facts, &verdict);
    act(claims, key, &facts, &verdict);
}
