#include "controller/reconcile/schedule.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/claim_words.h"
#include "controller/reconcile/condition.h"
#include "controller/reconcile/pod_storage.h"
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

/* The pods of a claim. */
struct users {
    struct list list; /* of struct use */
    size_t placed;    /* of them, those that take room on a node */
};

/* A claim of a pod. */
struct use {
    struct list link; /* of users->list */
    struct pod *pod;
    char *claim; /* "namespace/name" */
};

struct pod {
    struct sched_entry entry; /* of schedule->queue */
    struct list link;         /* of schedule->waiting; never in both */
    char *key, *uid;
    struct sched_pod view;
    char *node; /* where it takes room: bound or about to be; NULL: nowhere */
    char *told; /* the message that its condition got from us; NULL: none */
    bool binding;
    bool claiming; /* its node is chosen; it waits there until its claims are bound */
    bool ours;     /* to find a node for */
    struct use *uses;
    size_t use_count;
};

struct schedule {
    struct loop *loop;
    struct api *api;
    struct rng *rng;
    struct recorder *recorder;
    struct api_watch *pod_watch, *node_watch, *volume_watch, *claim_watch, *class_watch;
    struct volume_index *volumes;
    struct map *users;                    /* "namespace/name" of a claim -> struct users */
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
    char *node;    /* of writes to a claim: that is selected */
};

static const struct api_user user = {.name = "system:limpet:scheduler"};

static char *key_of(const char *ns, const char *name)
{
    return xasprintf("%s/%s", ns ? ns : "", name ? name : "");
}

/* Room */

static struct users *users_of(const struct schedule *schedule, const struct use *use)
{
    return map_get(schedule->users, use->claim);
}

static void take_room(struct schedule *schedule, struct pod *pod, const char *name)
{
    struct node *node = map_get(schedule->nodes, name);
    pod->node = xstrdup(name);
    for (size_t i = 0; i < pod->use_count; i++)
        users_of(schedule, &pod->uses[i])->placed++;
    if (node)
        sched_node_add(&node->view, &pod->view);
}

static void leave_room(struct schedule *schedule, struct pod *pod)
{
    struct node *node = pod->node ? map_get(schedule->nodes, pod->node) : NULL;
    if (node)
        sched_node_drop(&node->view, &pod->view);
    for (size_t i = 0; pod->node && i < pod->use_count; i++)
        users_of(schedule, &pod->uses[i])->placed--;
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
    free(request->node);
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

/* Claims */

static void enter_uses(struct schedule *schedule, struct pod *pod)
{
    const struct sched_claims *claims = &pod->view.claims;
    pod->use_count = claims->count;
    pod->uses = claims->count ? xcalloc(claims->count, sizeof(*pod->uses)) : NULL;
    for (size_t i = 0; i < claims->count; i++) {
        struct use *use = &pod->uses[i];
        const char *slash = strchr(pod->key, '/');
        use->pod = pod;
        use->claim = xasprintf("%.*s/%s", (int)(slash - pod->key), pod->key, claims->items[i].name);
        struct users *users = users_of(schedule, use);
        if (!users) {
            users = xcalloc(1, sizeof(*users));
            list_init(&users->list);
            (void)map_put(schedule->users, use->claim, users);
        }
        list_append(&users->list, &use->link);
    }
}

static void leave_uses(struct schedule *schedule, struct pod *pod)
{
    for (size_t i = 0; i < pod->use_count; i++) {
        struct use *use = &pod->uses[i];
        struct users *users = users_of(schedule, use);
        list_remove(&use->link);
        if (list_empty(&users->list))
            free(map_del(schedule->users, use->claim));
        free(use->claim);
    }
    free(pod->uses);
    pod->uses = NULL;
    pod->use_count = 0;
}

static bool is_sole(const struct schedule *schedule, const char *key)
{
    const char *slash = strchr(key, '/');
    autofree char *ns = xstrndup(key, (size_t)(slash - key));
    const struct api_ref ref = {&kind_persistent_volume_claim, ns, slash + 1};
    const struct value *claim = NULL;
    return api_see(schedule->api, &user, &ref, &claim) == 0 &&
           value_has_str(value_path(claim, "spec", "accessModes", NULL), "ReadWriteOncePod");
}

/* Whether another pod that has a node, or is about to, uses a claim that is for one pod alone. */
static bool is_taken(const struct schedule *schedule, const struct pod *pod)
{
    for (size_t i = 0; i < pod->use_count; i++) {
        const struct users *users = users_of(schedule, &pod->uses[i]);
        if (users->placed > 0 && is_sole(schedule, pod->uses[i].claim))
            return true;
    }
    return false;
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

static void on_selected(void *ctx, const struct api_answer *answer)
{
    struct request *request = ctx;
    if (answer->code >= 300)
        loop_timer_after(request->schedule->retry, AGAIN_NS);
    request_free(request);
}

/* The pod keeps its room there while volumes are found or made; each change of its claims has it
 * looked at again. */
static void claim_at(struct schedule *schedule, struct pod *pod, const char *node,
                     const struct sched_storage *storage)
{
    take_room(schedule, pod, node);
    await_change(schedule, pod);
    pod->claiming = true;
    for (size_t i = 0; i < storage->want_count; i++) {
        const struct sched_want *want = &storage->wants[i];
        if (str_eq(want->view.node, node))
            continue;
        struct request *request = request_new(schedule, pod, NULL);
        struct api_ref ref = {&kind_persistent_volume_claim, request->ns, want->claim};
        request->node = xstrdup(node);
        api_patch_with(schedule->api, &user, &ref, 0, select_node, on_selected, request);
    }
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

/* NULL: there is none, and why says it. */
static const struct sched_node *pick(struct schedule *schedule, struct pod *pod,
                                     struct sched_storage *storage, struct buf *why)
{
    const char *slash = strchr(pod->key, '/');
    autofree char *ns = xstrndup(pod->key, (size_t)(slash - pod->key));
    const struct pod_storage_ask ask = {.api = schedule->api,
                                        .user = &user,
                                        .index = schedule->volumes,
                                        .ns = ns,
                                        .pod = slash + 1,
                                        .uid = pod->uid,
                                        .claims = &pod->view.claims};
    autofree char *unfit = pod->use_count ? pod_storage_read(&ask, storage) : NULL;
    storage->sole = is_taken(schedule, pod);
    if (unfit) {
        buf_addf(why, "0/%zu nodes are available: %s.", schedule->candidate_count, unfit);
        return NULL;
    }
    pod->view.storage = pod->use_count ? storage : NULL;
    const struct sched_node *node =
        sched_pick(&pod->view, schedule->candidates, schedule->candidate_count, schedule->rng, why);
    pod->view.storage = NULL;
    return node;
}

static void try_pod(struct schedule *schedule, struct pod *pod)
{
    cleanup(buf_done) struct buf why;
    cleanup(sched_storage_done) struct sched_storage storage = {0};
    buf_init(&why, 0);
    if (pod->claiming)
        leave_room(schedule, pod);
    pod->claiming = false;
    const struct sched_node *node = pick(schedule, pod, &storage, &why);
    if (node && storage.want_count > 0 && !WEAKENED(SCHEDULE_CLAIMS)) {
        claim_at(schedule, pod, node->name, &storage);
    } else if (node) {
        bind_to(schedule, pod, node->name);
    } else {
        await_change(schedule, pod);
        tell(schedule, pod, buf_str(&why));
    }
}

/* Pods that were not read yet take room too. */
static bool knows_all(const struct schedule *schedule)
{
    return (api_watch_is_live(schedule->node_watch) && api_watch_is_live(schedule->pod_watch) &&
            api_watch_is_live(schedule->volume_watch)) ||
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
    for (size_t i = 0; i < pod->use_count; i++)
        free(pod->uses[i].claim);
    free(pod->uses);
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
    leave_uses(schedule, pod);
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
    bool assumes = (pod->binding || pod->claiming) && pod->node;
    autofree char *assumed = assumes ? xstrdup(pod->node) : NULL;
    bool had_room = pod->node != NULL;
    leave_room(schedule, pod);
    leave_uses(schedule, pod);
    sched_pod_done(&pod->view);
    pod->view = view;
    enter_uses(schedule, pod);
    pod->ours = is_ours(object);
    if (*pod->view.node_name || !pod->ours)
        pod->claiming = false;

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
        if (pod->claiming && !same)
            enqueue(schedule, pod);
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

/* Volumes, claims and their classes */

/* What waits for a claim is tried at once. */
static void claim_changed(struct schedule *schedule, const char *claim)
{
    struct users *users = map_get(schedule->users, claim);
    struct list *it, *tmp;
    if (!users)
        return;
    list_each(it, tmp, &users->list)
    {
        struct pod *pod = container_of(it, struct use, link)->pod;
        if (pod->ours && !pod->binding && !*pod->view.node_name)
            enqueue(schedule, pod);
    }
}

static void on_claim(void *ctx, enum api_event_type type, const struct value *object)
{
    autofree char *key = key_of(object_namespace(object), object_name(object));
    (void)type;
    claim_changed(ctx, key);
}

static void on_volume(void *ctx, enum api_event_type type, const struct value *object)
{
    struct schedule *schedule = ctx;
    const struct volume_view *view = volume_index_get(schedule->volumes, object_name(object));
    if (type == API_DELETED) {
        if (view && *view->claim)
            claim_changed(schedule, view->claim);
        volume_index_drop(schedule->volumes, object_name(object));
        return;
    }
    cleanup(volume_done) struct volume_view now = {0};
    volume_read(&now, object);
    bool same = view && volume_same(view, &now);
    view = volume_index_put(schedule->volumes, object);
    if (same)
        return;
    if (*view->claim)
        claim_changed(schedule, view->claim);
    else
        retry_waiting(schedule);
}

static void on_class(void *ctx, enum api_event_type type, const struct value *object)
{
    (void)type;
    (void)object;
    retry_waiting(ctx);
}

static int watch(struct schedule *schedule)
{
    const struct {
        const struct schema_kind *kind;
        api_watch_fn *fn;
        struct api_watch **ret;
    } wanted[] = {
        {&kind_node, on_node, &schedule->node_watch},
        {&kind_pod, on_pod, &schedule->pod_watch},
        {&kind_persistent_volume, on_volume, &schedule->volume_watch},
        {&kind_persistent_volume_claim, on_claim, &schedule->claim_watch},
        {&kind_storage_class, on_class, &schedule->class_watch},
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(wanted) && r == 0; i++) {
        const struct api_ref ref = {wanted[i].kind, "", ""};
        r = api_watch(schedule->api, &user, &ref, NULL, 0, wanted[i].fn, schedule, wanted[i].ret);
    }
    return r;
}

int schedule_new(struct loop *loop, struct api *api, struct rng *rng, struct recorder *recorder,
                 struct schedule **ret, struct err *err)
{
    struct schedule *schedule = xcalloc(1, sizeof(*schedule));
    schedule->loop = loop;
    schedule->api = api;
    schedule->rng = rng;
    schedule->recorder = recorder;
    schedule->pods = map_new();
    schedule->nodes = map_new();
    schedule->users = map_new();
    schedule->volumes = volume_index_new();
    schedule->last_retry = loop_now(loop) - RETRY_NS;
    schedule->candidates_stale = true;
    list_init(&schedule->waiting);
    list_init(&schedule->requests);
    schedule->retry = loop_timer_new(loop, on_retry, schedule);
    int r = watch(schedule);
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
    struct api_watch *const watches[] = {schedule->pod_watch, schedule->node_watch,
                                         schedule->volume_watch, schedule->claim_watch,
                                         schedule->class_watch};
    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        if (watches[i])
            api_watch_free(watches[i]);
    if (schedule->defer)
        loop_defer_free(schedule->defer);
    loop_timer_free(schedule->retry);
    list_each(it, tmp, &schedule->requests) request_free(container_of(it, struct request, link));
    map_free(schedule->users, free);
    map_free(schedule->pods, pod_free);
    volume_index_free(schedule->volumes);
    sched_queue_done(&schedule->queue);
    map_free(schedule->nodes, node_free);
    free(schedule->candidates);
    free(schedule);
}
