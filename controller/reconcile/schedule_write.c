#include "controller/reconcile/schedule_impl.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/claim_words.h"
#include "controller/reconcile/condition.h"

#include <stdlib.h>

/* A write under way. The pod is looked up again when it is done. */
struct request {
    struct reconciler_write write;
    char *ns, *uid;
    const char *name; /* of the pod, in the write's key */
    const char *reason;
    char *message; /* NULL: the pod was scheduled */
    char *node;    /* of writes to a claim: that is selected */
};

const struct api_user schedule_user = {.name = "system:limpet:scheduler"};

static void request_free(struct reconciler_write *write)
{
    struct request *request = container_of(write, struct request, write);
    free(request->ns);
    free(request->uid);
    free(request->message);
    free(request->node);
}

static struct request *request_new(struct schedule *schedule, const struct pod *pod,
                                   const char *message, const struct reconciler_ops *ops)
{
    struct request *request = reconciler_begin(schedule->frame, pod->key, ops);
    request->name = reconciler_split(request->write.key, &request->ns);
    request->uid = xstrdup(pod->uid);
    request->message = message ? xstrdup(message) : NULL;
    return request;
}

static struct pod *pod_of(const struct request *request)
{
    const struct schedule *schedule = reconciler_ctx(&request->write);
    struct pod *pod = map_get(schedule->pods, request->write.key);
    return pod && str_eq(pod->uid, request->uid) ? pod : NULL;
}

static void record(const struct request *request, const char *type, const char *reason,
                   const char *message)
{
    const struct event event = {
        .kind = "Pod",
        .ns = request->ns,
        .name = request->name,
        .uid = request->uid,
        .type = type,
        .reason = reason,
        .message = message,
        .component = "default-scheduler",
        .host = "",
    };
    const struct schedule *schedule = reconciler_ctx(&request->write);
    recorder_event(schedule->recorder, &event);
}

static int change_condition(void *ctx, struct value *object)
{
    const struct request *request = ctx;
    const struct condition scheduled = {"PodScheduled", "True", NULL, NULL};
    const struct condition not_yet = {"PodScheduled", "False", request->reason, request->message};
    bool bound = !str_empty(value_get_str(value_get(object, "spec"), "nodeName"));
    if (!str_eq(object_uid(object), request->uid) || bound != !request->message)
        return 1;
    const struct schedule *schedule = reconciler_ctx(&request->write);
    int64_t now = clock_wall(loop_clock(schedule->loop));
    return condition_set(object, request->message ? &not_yet : &scheduled, NULL, now) ? 0 : 1;
}

static enum work_end on_told(struct reconciler_write *write, const struct api_answer *answer)
{
    const struct request *request = container_of(write, struct request, write);
    struct pod *pod = pod_of(request);
    if (answer->code >= 300 && pod) { /* told again with the next try */
        free(pod->told);
        pod->told = NULL;
    } else if (pod && !pod->node && request->message) {
        record(request, "Warning", "FailedScheduling", request->message);
    }
    return WORK_DONE;
}

void schedule_tell(struct schedule *schedule, struct pod *pod, const char *reason,
                   const char *message)
{
    static const struct reconciler_ops ops = {
        .size = sizeof(struct request), .loose = true, .done = on_told, .free = request_free};
    if (message && str_eq(pod->told, message))
        return;
    struct request *request = request_new(schedule, pod, message, &ops);
    struct api_ref ref = {&kind_pod, request->ns, request->name};
    request->reason = reason;
    free(pod->told);
    pod->told = message ? xstrdup(message) : NULL;
    api_patch_with(schedule->api, &schedule_user, &ref, API_STATUS, change_condition,
                   reconciler_written, request);
}

/* One that is bound already, by another, or is gone has nothing to be told. */
static void tell_refused(struct schedule *schedule, struct pod *pod,
                         const struct api_answer *answer)
{
    const char *why = value_get_str(answer->object, "message");
    if (!pod->ours || answer->code == 404 || answer->code == 409)
        return;
    autofree char *message = xasprintf("binding rejected: %s", why ? why : "no reason was given");
    schedule_tell(schedule, pod, "SchedulerError", message);
}

static enum work_end on_bound(struct reconciler_write *write, const struct api_answer *answer)
{
    const struct request *request = container_of(write, struct request, write);
    struct schedule *schedule = reconciler_ctx(write);
    struct pod *pod = pod_of(request);
    if (!pod)
        return WORK_DONE;
    pod->binding = false;
    if (answer->code < 300) {
        const char *node = pod->node ? pod->node : "";
        log_info("pod scheduled pod=%s node=%s", pod->key, node);
        autofree char *message = xasprintf("Successfully assigned %s to %s", pod->key, node);
        record(request, "Normal", "Scheduled", message);
        schedule_tell(schedule, pod, NULL, NULL);
    } else if (!*pod->view.node_name) {
        schedule_leave_room(schedule, pod);
        tell_refused(schedule, pod, answer);
        reconciler_stir(schedule->frame);
        return pod->ours ? WORK_LATER : WORK_DONE;
    }
    return WORK_DONE;
}

void schedule_bind(struct schedule *schedule, struct pod *pod, const char *node)
{
    static const struct reconciler_ops ops = {
        .size = sizeof(struct request), .done = on_bound, .free = request_free};
    struct request *request = request_new(schedule, pod, NULL, &ops);
    pod->binding = true;
    schedule_take_room(schedule, pod, node);
    api_bind(schedule->api, &schedule_user, request->ns, request->name, node, 0, reconciler_written,
             request);
}

static int select_node(void *ctx, struct value *object)
{
    const struct request *request = ctx;
    const char *volume = value_get_str(value_get(object, "spec"), "volumeName");
    if (!str_empty(volume) || str_eq(object_annotation(object, CLAIM_SELECTED_NODE), request->node))
        return 1;
    value_set_str(value_make_map(object, "metadata", "annotations", NULL), CLAIM_SELECTED_NODE,
                  request->node);
    return 0;
}

void schedule_select(struct schedule *schedule, struct pod *pod, const char *node,
                     const struct sched_storage *storage)
{
    static const struct reconciler_ops ops = {.size = sizeof(struct request), .free = request_free};
    for (size_t i = 0; i < storage->want_count; i++) {
        const struct sched_want *want = &storage->wants[i];
        if (str_eq(want->view.node, node))
            continue;
        struct request *request = request_new(schedule, pod, NULL, &ops);
        struct api_ref ref = {&kind_persistent_volume_claim, request->ns, want->claim};
        request->node = xstrdup(node);
        api_patch_with(schedule->api, &schedule_user, &ref, 0, select_node, reconciler_written,
                       request);
    }
}
