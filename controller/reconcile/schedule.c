#include "controller/reconcile/schedule.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/reconcile/pod_storage.h"
#include "controller/reconcile/schedule_impl.h"

#include <stdlib.h>
#include <string.h>

#define TURN_MAX 128 /* pods that are tried in one turn of the loop */

/* Room */

void schedule_take_room(struct schedule *schedule, struct pod *pod, const char *name)
{
    struct node *node = map_get(schedule->nodes, name);
    pod->node = xstrdup(name);
    schedule_place_uses(schedule, pod, true);
    if (node)
        sched_node_add(&node->view, &pod->view);
}

void schedule_leave_room(struct schedule *schedule, struct pod *pod)
{
    struct node *node = pod->node ? map_get(schedule->nodes, pod->node) : NULL;
    if (node)
        sched_node_drop(&node->view, &pod->view);
    if (pod->node)
        schedule_place_uses(schedule, pod, false);
    free(pod->node);
    pod->node = NULL;
}

/* Queue */

void schedule_put(struct schedule *schedule, const struct pod *pod)
{
    reconciler_put_first(schedule->frame, pod->key, pod->view.priority);
}

void schedule_await(struct schedule *schedule, const struct pod *pod)
{
    reconciler_await(schedule->frame, pod->key, pod->view.priority);
}

/* Picking */

/* The pod keeps its room there while volumes are found or made; each change of its claims has it
 * looked at again. */
static void claim_at(struct schedule *schedule, struct pod *pod, const char *node,
                     const struct sched_storage *storage)
{
    schedule_take_room(schedule, pod, node);
    schedule_await(schedule, pod);
    pod->claiming = true;
    schedule_select(schedule, pod, node, storage);
}

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
    autofree char *ns = NULL;
    const char *name = reconciler_split(pod->key, &ns);
    const struct pod_storage_ask ask = {.api = schedule->api,
                                        .user = &schedule_user,
                                        .index = schedule->volumes,
                                        .ns = ns,
                                        .pod = name,
                                        .uid = pod->uid,
                                        .claims = &pod->view.claims};
    autofree char *unfit = pod->use_count ? pod_storage_read(&ask, storage) : NULL;
    storage->sole = schedule_uses_taken(schedule, pod);
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
        schedule_leave_room(schedule, pod);
    pod->claiming = false;
    const struct sched_node *node = pick(schedule, pod, &storage, &why);
    if (node && storage.want_count > 0 && !WEAKENED(SCHEDULE_CLAIMS)) {
        claim_at(schedule, pod, node->name, &storage);
    } else if (node) {
        schedule_bind(schedule, pod, node->name);
    } else {
        schedule_await(schedule, pod);
        schedule_tell(schedule, pod, "Unschedulable", buf_str(&why));
    }
}

static void look(void *ctx, const char *key)
{
    struct schedule *schedule = ctx;
    struct pod *pod = map_get(schedule->pods, key);
    refresh_candidates(schedule);
    if (pod && pod->ours && !pod->binding && !*pod->view.node_name)
        try_pod(schedule, pod);
}

/* Pods */

static void pod_free(void *p)
{
    struct pod *pod = p;
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
    schedule_leave_room(schedule, pod);
    schedule_leave_uses(schedule, pod);
    reconciler_drop(schedule->frame, pod->key);
    map_del(schedule->pods, pod->key);
    pod_free(pod);
    if (had_room)
        reconciler_stir(schedule->frame);
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
    schedule_leave_room(schedule, pod);
    schedule_leave_uses(schedule, pod);
    sched_pod_done(&pod->view);
    pod->view = view;
    schedule_enter_uses(schedule, pod);
    pod->ours = is_ours(object);
    if (*pod->view.node_name || !pod->ours)
        pod->claiming = false;

    if (*pod->view.node_name) { /* from us or from its author: it takes room until it is over */
        reconciler_drop(schedule->frame, pod->key);
        if (!over)
            schedule_take_room(schedule, pod, pod->view.node_name);
        else if (had_room)
            reconciler_stir(schedule->frame);
    } else if (!pod->ours) {
        reconciler_drop(schedule->frame, pod->key);
    } else if (assumed) {
        schedule_take_room(schedule, pod, assumed);
        if (pod->claiming && !same)
            schedule_put(schedule, pod);
    } else if (!same || !reconciler_waits(schedule->frame, pod->key)) {
        schedule_put(schedule, pod);
    }
}

static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct schedule *schedule = ctx;
    autofree char *key = reconciler_key_of(object);
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
        sched_node_carry(&view, &node->view);
        sched_node_done(&node->view);
        node->view = view;
    } else {
        node = xcalloc(1, sizeof(*node));
        node->view = view;
        map_put(schedule->nodes, view.name, node);
        schedule->candidates_stale = true;
        count_room(schedule, node);
    }
    reconciler_stir(schedule->frame);
}

int schedule_new(struct loop *loop, struct api *api, struct rng *rng, struct recorder *recorder,
                 struct schedule **ret, struct err *err)
{
    static const struct reconciler_watch watches[] = {
        {&kind_node, on_node},
        {&kind_pod, on_pod},
        {&kind_persistent_volume, schedule_on_volume},
        {&kind_persistent_volume_claim, schedule_on_claim},
        {&kind_storage_class, schedule_on_class},
    };
    struct schedule *schedule = xcalloc(1, sizeof(*schedule));
    const struct reconciler_spec spec = {.name = "scheduler",
                                         .loop = loop,
                                         .api = api,
                                         .user = &schedule_user,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = look,
                                         .ctx = schedule,
                                         .turn_max = TURN_MAX,
                                         .wait_ns = SCHEDULE_AGAIN_NS,
                                         .wait_max_ns = SCHEDULE_AGAIN_MAX_NS,
                                         .stir_ns = SCHEDULE_RETRY_NS};
    schedule->loop = loop;
    schedule->api = api;
    schedule->rng = rng;
    schedule->recorder = recorder;
    schedule->pods = map_new();
    schedule->nodes = map_new();
    schedule->users = map_new();
    schedule->volumes = volume_index_new();
    schedule->candidates_stale = true;
    int r = reconciler_new(&spec, &schedule->frame, err);
    if (r < 0) {
        schedule_free(schedule);
        return r;
    }
    *ret = schedule;
    return 0;
}

void schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    reconciler_free(schedule->frame);
    map_free(schedule->users, free);
    map_free(schedule->pods, pod_free);
    volume_index_free(schedule->volumes);
    map_free(schedule->nodes, node_free);
    free(schedule->candidates);
    free(schedule);
}
