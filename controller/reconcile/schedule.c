#include "controller/reconcile/schedule.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/reconcile/condition.h"
#include "controller/sched/queue.h"
#include "controller/sched/sched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MAX 128               /* pods that are tried in one turn of the loop */
#define RETRY_NS (500 * NS_PER_MS) /* the least time between two tries of everything that waits */
#define AGAIN_NS NS_PER_S          /* after a write that failed */

struct node {
    struct sched_node view;
};

struct pod {
    struct sched_entry entry; /* of schedule->queue */
    struct list link;         /* of schedule->waiting; never in both */
    char *key, *uid;
    struct sched_pod view;
    char *node; /* where it takes room: bound or about to be; NULL: nowhere */
    char *told; /* the message that its condition got from us; NULL: none */
    bool binding;
    bool ours; /* to find a node for */
};

struct schedule {
    struct loop *loop;
    struct api *api;
    struct rng *rng;
    struct recorder *recorder;
    struct api_watch *pod_watch, *node_watch;
    struct map *pods;                     /* "namespace/name" -> struct pod */
    struct map *nodes;                    /* name -> struct node */
    const struct sched_node **candidates; /* sorted by name */
    size_t candidate_count;
    bool candidates_stale;
    struct sched_queue queue; /* of struct pod */
    struct list waiting;      /* of struct pod */
    struct list requests;     /* of struct request, under way */
    struct loop_defer *defer;
    struct loop_timer *retry;
    int64_t last_retry;
};

/* A write under way. The pod is looked up again when it is done. */
struct request {
    struct list link;
    struct schedule *schedule;
    char *ns, *name, *uid;
    char *message; /* NULL: the pod was scheduled */
};

static const struct api_user user = {.name = "system:limpet:scheduler"};

static char *key_of(const char *ns, const char *name)
{
    return xasprintf("%s/%s", ns ? ns : "", name ? name : "");
}

/* Room */

static void take_room(struct schedule *schedule, struct pod *pod, const char *name)
{
    struct node *node = map_get(schedule->nodes, name);
    pod->node = xstrdup(name);
    if (node)
        sched_node_add(&node->view, &pod->view);
}

static void leave_room(struct schedule *schedule, struct pod *pod)
{
    struct node *node = pod->node ? map_get(schedule->nodes, pod->node) : NULL;
    if (node)
        sched_node_drop(&node->view, &pod->view);
    free(pod->node);
    pod->node = NULL;
}

/* Queue */

static void on_turn(void *ctx);

static void wake(struct schedule *schedule)
{
    if (!schedule->defer && schedule->queue.count > 0)
        schedule->defer = loop_defer(schedule->loop, on_turn, schedule);
}

static void enqueue(struct schedule *schedule, struct pod *pod)
{
    list_remove(&pod->link);
    sched_queue_put(&schedule->queue, &pod->entry, pod->view.priority);
    wake(schedule);
}

/* Neither to be tried nor to be tried again. */
static void dequeue(struct schedule *schedule, struct pod *pod)
{
    list_remove(&pod->link);
    sched_queue_drop(&schedule->queue, &pod->entry);
}

static void await_change(struct schedule *schedule, struct pod *pod)
{
    dequeue(schedule, pod);
    list_append(&schedule->waiting, &pod->link);
}

static void on_retry(void *ctx)
{
    struct schedule *schedule = ctx;
    struct list *it, *tmp;
    schedule->last_retry = loop_now(schedule->loop);
    list_each(it, tmp, &schedule->waiting) enqueue(schedule, container_of(it, struct pod, link));
}

/* Something changed that may let waiting pods in. */
static void retry_waiting(struct schedule *schedule)
{
    if (list_empty(&schedule->waiting) || loop_timer_armed(schedule->retry))
        return;
    int64_t now = loop_now(schedule->loop), next = schedule->last_retry + RETRY_NS;
    loop_timer_at(schedule->retry, next > now ? next : now);
}

/* Writing */

static struct request *request_new(struct schedule *schedule, const struct pod *pod,
                                   const char *message)
{
    const char *slash = strchr(pod->key, '/');
    struct request *request = xcalloc(1, sizeof(*request));
    request->schedule = schedule;
    request->ns = xstrndup(pod->key, (size_t)(slash - pod->key));
    request->name = xstrdup(slash + 1);
    request->uid = xstrdup(pod->uid);
    request->message = message ? xstrdup(message) : NULL;
    list_append(&schedule->requests, &request->link);
    return request;
}

static void request_free(struct request *request)
{
    list_remove(&request->link);
    free(request->ns);
    free(request->name);
    free(request->uid);
    free(request->message);
    free(request);
}

static struct pod *pod_of(const struct request *request)
{
    autofree char *key = key_of(request->ns, request->name);
    struct pod *pod = map_get(request->schedule->pods, key);
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
    recorder_event(request->schedule->recorder, &event);
}

static int change_condition(void *ctx, struct value *object)
{
    const struct request *request = ctx;
    const struct condition scheduled = {"PodScheduled", "True", NULL, NULL};
    const struct condition not_yet = {"PodScheduled", "False", "Unschedulable", request->message};
    bool bound = !str_empty(value_get_str(value_get(object, "spec"), "nodeName"));
    if (!str_eq(object_uid(object), request->uid) || bound != !request->message)
        return 1;
    int64_t now = clock_wall(loop_clock(request->schedule->loop));
    return condition_set(object, request->message ? &not_yet : &scheduled, NULL, now) ? 0 : 1;
}

static void on_told(void *ctx, const struct api_answer *answer)
{
    struct request *request = ctx;
    struct pod *pod = pod_of(request);
    if (answer->code >= 300 && pod) { /* told again with the next try */
        free(pod->told);
        pod->told = NULL;
    } else if (pod && !pod->node && request->message) {
        record(request, "Warning", "FailedScheduling", request->message);
    }
    request_free(request);
}

static void tell(struct schedule *schedule, struct pod *pod, const char *message)
{
    if (message && str_eq(pod->told, message))
        return;
    struct request *request = request_new(schedule, pod, message);
    struct api_ref ref = {&kind_pod, request->ns, request->name};
    free(pod->told);
    pod->told = message ? xstrdup(message) : NULL;
    api_patch_with(schedule->api, &user, &ref, API_STATUS, change_condition, on_told, request);
}

static void on_bound(void *ctx, const struct api_answer *answer)
{
    struct request *request = ctx;
    struct schedule *schedule = request->schedule;
    struct pod *pod = pod_of(request);
    if (pod) {
        pod->binding = false;
        if (answer->code < 300) {
            const char *node = pod->node ? pod->node : "";
            log_info("pod scheduled pod=%s node=%s", pod->key, node);
            autofree char *message = xasprintf("Successfully assigned %s to %s", pod->key, node);
            record(request, "Normal", "Scheduled", message);
            tell(schedule, pod, NULL);
        } else if (!*pod->view.node_name) {
            const char *message = value_get_str(answer->object, "message");
            log_warn("pod not bound, will try again pod=%s reason=%s", pod->key,
                     log_quote(message ? message : ""));
            leave_room(schedule, pod);
            dequeue(schedule, pod);
            if (pod->ours) {
                await_change(schedule, pod);
                loop_timer_after(schedule->retry, AGAIN_NS);
            }
        }
    }
    request_free(request);
}

static void bind_to(struct schedule *schedule, struct pod *pod, const char *node)
{
    struct request *request = request_new(schedule, pod, NULL);
    pod->binding = true;
    take_room(schedule, pod, node);
    api_bind(schedule->api, &user, request->ns, request->name, node, 0, on_bound, request);
}

/* Picking */

static int compare_candidates(const void *a, const void *b)
{
    const struct sched_node *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void refresh_candidates(struct schedule *schedule)
{
    void *value;
    if (!schedule->candidates_stale)
        return;
    size_t count = 0, len = map_len(schedule->nodes);
    schedule->candidates =
        xreallocarray(schedule->candidates, len ? len : 1, sizeof(*schedule->candidates));
    for (size_t i = 0; map_next(schedule->nodes, &i, NULL, &value);)
        schedule->candidates[count++] = &((struct node *)value)->view;
    qsort(schedule->candidates, count, sizeof(*schedule->candidates), compare_candidates);
    schedule->candidate_count = count;
    schedule->candidates_stale = false;
}

static void try_pod(struct schedule *schedule, struct pod *pod)
{
    cleanup(buf_done) struct buf why;
    buf_init(&why, 0);
    const struct sched_node *node = sched_pick(&pod->view, schedule->candidates,
                                               schedule->candidate_count, schedule->rng, &why);
    if (node) {
        bind_to(schedule, pod, node->name);
        return;
    }
    await_change(schedule, pod);
    tell(schedule, pod, buf_str(&why));
}

/* Pods that were not read yet take room too. */
static bool knows_all(const struct schedule *schedule)
{
    return (api_watch_is_live(schedule->node_watch) && api_watch_is_live(schedule->pod_watch)) ||
           WEAKENED(SCHEDULE_COMPLETE);
}

static void on_turn(void *ctx)
{
    struct schedule *schedule = ctx;
    schedule->defer = NULL;
    if (!knows_all(schedule)) {
        wake(schedule);
        return;
    }
    refresh_candidates(schedule);
    struct sched_entry *next;
    for (int i = 0; i < TURN_MAX && (next = sched_queue_take(&schedule->queue)); i++)
        try_pod(schedule, container_of(next, struct pod, entry));
    wake(schedule);
}

/* Pods */

static void pod_free(void *p)
{
    struct pod *pod = p;
    list_remove(&pod->link);
    sched_pod_done(&pod->view);
    free(pod->key);
    free(pod->uid);
    free(pod->node);
    free(pod->told);
    free(pod);
}

static void drop_pod(struct schedule *schedule, struct pod *pod)
{
    bool had_room = pod->node != NULL;
    leave_room(schedule, pod);
    dequeue(schedule, pod);
    map_del(schedule->pods, pod->key);
    pod_free(pod);
    if (had_room)
        retry_waiting(schedule);
}

static bool is_over(const struct value *object)
{
    const char *phase = value_get_str(value_get(object, "status"), "phase");
    return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

/* Whether it is for us to find it a node. */
static bool is_ours(const struct value *object)
{
    const struct value *spec = value_get(object, "spec");
    const char *scheduler = value_get_str(spec, "schedulerName");
    bool deleting = value_path(object, "metadata", "deletionTimestamp", NULL) != NULL;
    return !deleting && !is_over(object) && value_len(value_get(spec, "schedulingGates")) == 0 &&
           (str_empty(scheduler) || str_eq(scheduler, "default-scheduler"));
}

static void update_pod(struct schedule *schedule, struct pod *pod, const struct value *object)
{
    struct sched_pod view;
    sched_pod_read(&view, object);
    bool same = sched_pod_same(&view, &pod->view);
    bool over = is_over(object);
    autofree char *assumed = pod->binding && pod->node ? xstrdup(pod->node) : NULL;
    bool had_room = pod->node != NULL;
    leave_room(schedule, pod);
    sched_pod_done(&pod->view);
    pod->view = view;
    pod->ours = is_ours(object);

    if (*pod->view.node_name) { /* from us or from its author: it takes room until it is over */
        dequeue(schedule, pod);
        if (!over)
            take_room(schedule, pod, pod->view.node_name);
        else if (had_room)
            retry_waiting(schedule);
    } else if (!pod->ours) {
        dequeue(schedule, pod);
    } else if (assumed) {
        take_room(schedule, pod, assumed);
    } else if (!same || !(pod->link.next || pod->entry.place)) {
        enqueue(schedule, pod);
    }
}

static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct schedule *schedule = ctx;
    autofree char *key = key_of(object_namespace(object), object_name(object));
    struct pod *pod = map_get(schedule->pods, key);
    if (pod && (type == API_DELETED || !str_eq(pod->uid, object_uid(object)))) {
        drop_pod(schedule, pod);
        pod = NULL;
    }
    if (type == API_DELETED)
        return;
    if (!pod) {
        const char *uid = object_uid(object);
        pod = xcalloc(1, sizeof(*pod));
        pod->key = xstrdup(key);
        pod->uid = xstrdup(uid ? uid : "");
        map_put(schedule->pods, key, pod);
    }
    update_pod(schedule, pod, object);
}

/* Nodes */

static void node_free(void *p)
{
    struct node *node = p;
    sched_node_done(&node->view);
    free(node);
}

static void count_room(struct schedule *schedule, struct node *node)
{
    void *value;
    for (size_t i = 0; map_next(schedule->pods, &i, NULL, &value);) {
        const struct pod *pod = value;
        if (str_eq(pod->node, node->view.name))
            sched_node_add(&node->view, &pod->view);
    }
}

static void on_node(void *ctx, enum api_event_type type, const struct value *object)
{
    struct schedule *schedule = ctx;
    struct node *node = map_get(schedule->nodes, object_name(object));
    if (type == API_DELETED) {
        if (node)
            node_free(map_del(schedule->nodes, node->view.name));
        schedule->candidates_stale = true;
        return;
    }
    struct sched_node view;
    sched_node_read(&view, object);
    if (node && sched_node_same(&view, &node->view)) {
        sched_node_done(&view);
        return;
    }
    if (node) {
        view.used = node->view.used;
        sched_node_done(&node->view);
        node->view = view;
    } else {
        node = xcalloc(1, sizeof(*node));
        node->view = view;
        map_put(schedule->nodes, view.name, node);
        schedule->candidates_stale = true;
        count_room(schedule, node);
    }
    retry_waiting(schedule);
}

int schedule_new(struct loop *loop, struct api *api, struct rng *rng, struct recorder *recorder,
                 struct schedule **ret, struct err *err)
{
    struct schedule *schedule = xcalloc(1, sizeof(*schedule));
    struct api_ref pods = {&kind_pod, "", ""}, nodes = {&kind_node, "", ""};
    schedule->loop = loop;
    schedule->api = api;
    schedule->rng = rng;
    schedule->recorder = recorder;
    schedule->pods = map_new();
    schedule->nodes = map_new();
    schedule->last_retry = loop_now(loop) - RETRY_NS;
    schedule->candidates_stale = true;
    list_init(&schedule->waiting);
    list_init(&schedule->requests);
    schedule->retry = loop_timer_new(loop, on_retry, schedule);
    int r = api_watch(api, &user, &nodes, NULL, 0, on_node, schedule, &schedule->node_watch);
    if (r == 0)
        r = api_watch(api, &user, &pods, NULL, 0, on_pod, schedule, &schedule->pod_watch);
    if (r < 0) {
        schedule_free(schedule);
        return err_set(err, -EIO, "scheduler: watch: %d", -r);
    }
    *ret = schedule;
    return 0;
}

void schedule_free(struct schedule *schedule)
{
    struct list *it, *tmp;
    if (!schedule)
        return;
    if (schedule->pod_watch)
        api_watch_free(schedule->pod_watch);
    if (schedule->node_watch)
        api_watch_free(schedule->node_watch);
    if (schedule->defer)
        loop_defer_free(schedule->defer);
    loop_timer_free(schedule->retry);
    list_each(it, tmp, &schedule->requests) request_free(container_of(it, struct request, link));
    map_free(schedule->pods, pod_free);
    sched_queue_done(&schedule->queue);
    map_free(schedule->nodes, node_free);
    free(schedule->candidates);
    free(schedule);
}
