#include "controller/reconcile/nodes.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/reconcile/condition.h"
#include "controller/reconcile/nodes_plan.h"

#include <errno.h>
#include <stdlib.h>

struct node {
    struct nodes_lease lease;
    enum nodes_ready ready;
    bool exists;  /* there is a Node object */
    bool writing; /* its condition is being written */
    char *boot_id;
    uint64_t sequence;
    int64_t generation;
};

struct nodes {
    struct loop *loop;
    struct api *api;
    struct recorder *recorder;
    struct nodes_rules rules;
    struct map *map; /* name -> struct node */
    struct api_watch *watch;
    struct loop_timer *timer;
    int64_t last_tick;
    int64_t deaf_since; /* 0: hearing */
    struct list writes; /* under way */
};

struct node_write {
    struct list link;
    struct nodes *nodes;
    char *name;
    enum nodes_action action;
    int64_t silent_s;
    bool changed; /* the condition said something else before */
};

static const struct api_user user = {.name = "system:limpet:nodes"};

static int64_t period(const struct nodes *nodes)
{
    return nodes->rules.interval_ns / 4;
}

static void node_free(void *p)
{
    struct node *node = p;
    free(node->boot_id);
    free(node);
}

static void write_free(struct node_write *write)
{
    list_remove(&write->link);
    free(write->name);
    free(write);
}

static struct node *get_or_add(struct nodes *nodes, const char *name)
{
    struct node *node = map_get(nodes->map, name);
    if (!node) {
        node = xcalloc(1, sizeof(*node));
        node->lease.last_ns = loop_now(nodes->loop);
        map_put(nodes->map, name, node);
    }
    return node;
}

/* Writing */

static int change_ready(void *ctx, struct value *object)
{
    struct node_write *write = ctx;
    autofree char *lost =
        xasprintf("no beat for %llds: the node or its link is down", (long long)write->silent_s);
    const struct condition conditions[] = {
        [NODES_MARK_READY] = {"Ready", "True", "AgentReady", "the agent sends beats"},
        [NODES_MARK_LOST] = {"Ready", "Unknown", "NodeStatusUnknown", lost},
        [NODES_MARK_NEVER] = {"Ready", "Unknown", "NodeStatusNeverUpdated", "no beat came yet"},
    };
    const struct condition *condition = &conditions[write->action];
    if (str_eq(condition_status(object, "Ready"), condition->status))
        return 1;
    int64_t now = clock_wall(loop_clock(write->nodes->loop));
    write->changed = condition_set(object, condition, "lastHeartbeatTime", now);
    return write->changed ? 0 : 1;
}

static void tell(const struct node_write *write, const struct value *node)
{
    const char *reason = write->action == NODES_MARK_READY ? "NodeReady" : "NodeNotReady";
    const char *uid = object_uid(node);
    autofree char *message = xasprintf("Node %s status is now: %s", write->name, reason);
    const struct event event = {
        .kind = "Node",
        .ns = "",
        .name = write->name,
        .uid = uid ? uid : "",
        .type = "Normal",
        .reason = reason,
        .message = message,
        .component = "node-controller",
        .host = "",
    };
    recorder_event(write->nodes->recorder, &event);
}

static void on_written(void *ctx, const struct api_answer *answer)
{
    struct node_write *write = ctx;
    struct node *node = map_get(write->nodes->map, write->name);
    if (answer->code >= 300 && answer->code != 404) {
        const char *message = value_get_str(answer->object, "message");
        log_warn("node condition not written, will try again node=%s reason=%s", write->name,
                 log_quote(message ? message : ""));
    }
    if (answer->code < 300 && write->changed)
        tell(write, answer->object);
    if (node)
        node->writing = false; /* the next tick or beat sees to what failed */
    write_free(write);
}

static void act(struct nodes *nodes, const char *name, struct node *node, int64_t now)
{
    if (!node->exists || node->writing || nodes->deaf_since)
        return;
    enum nodes_action action = nodes_plan(&node->lease, &nodes->rules, node->ready, now);
    if (action == NODES_KEEP)
        return;
    struct node_write *write = xcalloc(1, sizeof(*write));
    struct api_ref ref = {&kind_node, "", name};
    write->nodes = nodes;
    write->name = xstrdup(name);
    write->action = action;
    write->silent_s = (now - node->lease.last_ns) / NS_PER_S;
    list_append(&nodes->writes, &write->link);
    node->writing = true;
    log_info("node %s node=%s", action == NODES_MARK_READY ? "ready" : "not ready", name);
    api_patch_with(nodes->api, &user, &ref, API_STATUS, change_ready, on_written, write);
}

/* Time */

static void shift_all(struct nodes *nodes, int64_t gap, int64_t now)
{
    void *value;
    for (size_t i = 0; map_next(nodes->map, &i, NULL, &value);)
        nodes_plan_shift(&((struct node *)value)->lease, gap, now);
}

/* Called first whenever time matters: what the controller itself slept through is given back before
 * anybody is judged. */
static int64_t advance(struct nodes *nodes)
{
    int64_t now = loop_now(nodes->loop);
    int64_t gap = nodes_plan_gap(&nodes->rules, period(nodes), nodes->last_tick, now);
    if (gap) {
        nodes->last_tick = now;
        if (!nodes->deaf_since) {
            log_warn("the controller stood still, no node is blamed for it seconds=%lld",
                     (long long)(gap / NS_PER_S));
            shift_all(nodes, gap, now);
        }
    }
    return now;
}

static void on_tick(void *ctx)
{
    struct nodes *nodes = ctx;
    int64_t now = advance(nodes);
    const char *name;
    void *value;
    nodes->last_tick = now;
    loop_timer_after(nodes->timer, period(nodes));
    for (size_t i = 0; map_next(nodes->map, &i, &name, &value);)
        act(nodes, name, value, now);
}

void nodes_hearing(struct nodes *nodes, bool hearing)
{
    int64_t now = loop_now(nodes->loop);
    if (!hearing && !nodes->deaf_since) {
        nodes->deaf_since = now;
    } else if (hearing && nodes->deaf_since) {
        shift_all(nodes, now - nodes->deaf_since, now);
        nodes->deaf_since = 0;
        nodes->last_tick = now;
        loop_timer_after(nodes->timer, period(nodes));
    }
}

/* Beats */

void nodes_beat(struct nodes *nodes, const char *name, const struct nodes_beat *beat)
{
    int64_t now = advance(nodes);
    struct node *node = get_or_add(nodes, name);
    bool same_boot = str_eq(node->boot_id, beat->boot_id);
    if (same_boot && beat->sequence <= node->sequence && !WEAKENED(NODES_SEQUENCE))
        return;
    if (!same_boot) {
        free(node->boot_id);
        node->boot_id = xstrdup(beat->boot_id);
    }
    node->sequence = beat->sequence;
    node->generation = beat->generation;
    node->lease = (struct nodes_lease){.last_ns = now, .beaten = true};
    act(nodes, name, node, now);
}

void nodes_offline(struct nodes *nodes, const char *name, const char *boot_id)
{
    struct node *node = map_get(nodes->map, name);
    if (!node || (node->boot_id && !str_eq(node->boot_id, boot_id) && !WEAKENED(NODES_WILL_BOOT)))
        return;
    if (!node->lease.suspect_ns)
        node->lease.suspect_ns = loop_now(nodes->loop);
}

int nodes_last(const struct nodes *nodes, const char *name, struct nodes_seen *ret)
{
    const struct node *node = map_get(nodes->map, name);
    if (!node || !node->lease.beaten)
        return -ENOENT;
    *ret = (struct nodes_seen){
        .age_ns = loop_now(nodes->loop) - node->lease.last_ns,
        .generation = node->generation,
        .sequence = node->sequence,
        .boot_id = node->boot_id,
    };
    return 0;
}

void nodes_count(const struct nodes *nodes, size_t *ret_ready, size_t *ret_others)
{
    void *value;
    *ret_ready = *ret_others = 0;
    for (size_t i = 0; map_next(nodes->map, &i, NULL, &value);) {
        const struct node *node = value;
        if (node->exists)
            ++*(node->ready == NODES_TRUE ? ret_ready : ret_others);
    }
}

/* Objects */

static enum nodes_ready ready_of(const struct value *object)
{
    const char *status = condition_status(object, "Ready");
    if (!status)
        return NODES_NONE;
    if (str_eq(status, "True"))
        return NODES_TRUE;
    return str_eq(status, "False") ? NODES_FALSE : NODES_UNKNOWN;
}

static void on_node(void *ctx, enum api_event_type type, const struct value *object)
{
    struct nodes *nodes = ctx;
    const char *name = object_name(object);
    int64_t now = advance(nodes);
    if (type == API_DELETED) {
        struct node *gone = map_del(nodes->map, name);
        if (gone)
            node_free(gone);
        return;
    }
    struct node *node = get_or_add(nodes, name);
    node->exists = true;
    node->ready = ready_of(object);
    act(nodes, name, node, now);
}

int nodes_new(const struct nodes_spec *spec, struct nodes **ret, struct err *err)
{
    struct nodes *nodes = xcalloc(1, sizeof(*nodes));
    struct api_ref ref = {&kind_node, "", ""};
    nodes->loop = spec->loop;
    nodes->api = spec->api;
    nodes->recorder = spec->recorder;
    nodes->rules.interval_ns = spec->interval_ns ? spec->interval_ns : NODES_INTERVAL_NS;
    nodes->rules.missed = spec->missed ? spec->missed : NODES_MISSED;
    nodes->map = map_new();
    list_init(&nodes->writes);
    nodes->timer = loop_timer_new(nodes->loop, on_tick, nodes);
    nodes->last_tick = loop_now(nodes->loop);
    loop_timer_after(nodes->timer, period(nodes));
    int r = api_watch(nodes->api, &user, &ref, NULL, 0, on_node, nodes, &nodes->watch);
    if (r < 0) {
        nodes_free(nodes);
        return err_set(err, -EIO, "nodes: watch: %d", -r);
    }
    *ret = nodes;
    return 0;
}

void nodes_free(struct nodes *nodes)
{
    struct list *it, *tmp;
    if (!nodes)
        return;
    if (nodes->watch)
        api_watch_free(nodes->watch);
    loop_timer_free(nodes->timer);
    list_each(it, tmp, &nodes->writes) write_free(container_of(it, struct node_write, link));
    map_free(nodes->map, node_free);
    free(nodes);
}
