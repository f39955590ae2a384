#include "controller/link/hub.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/beat.h"
#include "controller/api/pod_at_node.h"
#include "controller/link/asks.h"
#include "controller/link/enrolment.h"
#include "controller/link/events.h"
#include "controller/link/intake.h"
#include "controller/link/members.h"
#include "controller/link/mirrors.h"
#include "controller/link/outqueue.h"
#include "controller/link/people.h"
#include "controller/link/remains.h"
#include "controller/link/strays.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LEAVE_NS NS_PER_S

struct hub {
    struct hub_spec spec;
    struct outqueue *queue;
    struct calls *calls;
    struct asks *asks;
    struct intake *intake;
    struct events *events;
    struct enrolment *enrolment;
    struct people *people;
    struct remains *remains;
    struct strays *strays; /* while nodes are to adopt */
    struct mirrors *mirrors;
    struct epoch epoch;
    struct members *members;
    bool complete, started;     /* every object is known; somebody wants it to run */
    struct loop_timer *leaving; /* how long stop waits at most */
    void (*stopped)(void *ctx); /* NULL: nobody waits */
    void *stopped_ctx;
    bool told_down; /* each attempt that fails says so: the first is logged */
};

static const struct api_user user = {.name = "system:limpet:link"};

/* Messages of nodes. */

static void clear_topic(struct hub *hub, enum topic_type type, const char *node, const char *id)
{
    struct topic topic = {.type = type};
    char text[TOPIC_MAX + 1];
    struct err err = {0};
    snprintf(topic.node, sizeof(topic.node), "%s", node);
    snprintf(topic.id, sizeof(topic.id), "%s", id);
    if (topic_build(&topic, text, &err) < 0)
        return;
    const struct bus_msg msg = {.topic = text, .retain = true};
    outqueue_put(hub->queue, &msg);
}

static void report_settled(void *ctx, const char *node, const char *uid)
{
    clear_topic(ctx, TOPIC_STATUS, node, uid);
}

static void got_birth(struct hub *hub, struct member *member, const struct topic *topic,
                      const struct bus_msg *msg)
{
    cleanup(birth_done) struct birth birth = {0};
    struct err err = {0};
    if (msg->len == 0)
        return;
    if (birth_read(msg->payload, msg->len, topic->node, &birth, &err) < 0) {
        log_warn("birth refused: node=%s error=%s", topic->node, log_quote(err.msg));
        return;
    }
    const char *name = session_name(member->session);
    if (!birth.online) {
        if (str_eq(member->boot, birth.boot) || !member->boot[0]) {
            nodes_offline(hub->spec.nodes, name, birth.boot);
            calls_lost(hub->calls, topic->node);
        }
        return;
    }
    snprintf(member->boot, sizeof(member->boot), "%s", birth.boot);
    tally_begin(member->tally, &birth);
    calls_boot(hub->calls, topic->node, birth.boot, session_sealing(member->session));
    intake_birth(hub->intake, name, topic->node, &birth);
    mirrors_wake(hub->mirrors, name);
}

/* What the broker keeps of the node comes again; our own filter covers it afterwards. */
static void read_again(struct hub *hub, const char *node)
{
    struct topic topic = {.type = TOPIC_STATUS};
    char filter[TOPIC_MAX + 1];
    struct err err = {0};
    snprintf(topic.node, sizeof(topic.node), "%s", node);
    if (topic_filter(&topic, filter, &err) == 0 &&
        hub->spec.bus->subscribe(hub->spec.bus, filter, 1, &err) == 0)
        (void)hub->spec.bus->unsubscribe(hub->spec.bus, filter, &err);
}

static void resync_data(void *ctx, unsigned channel, const void *data, size_t len)
{
    (void)ctx;
    (void)channel;
    (void)data;
    (void)len;
}

static void resync_end(void *ctx, const struct call_end *end)
{
    (void)ctx;
    if (end->code != 0)
        log_warn("node does not say its status again: code=%d error=%s", end->code,
                 log_quote(end->message));
}

static void ask_for_all(struct hub *hub, const char *node)
{
    static const struct call_handler handler = {.data = resync_data, .end = resync_end};
    cleanup(value_free) struct value *args = value_new_map();
    value_set_str(args, "namespace", "");
    value_set_str(args, "pod", "");
    struct call *call = NULL;
    struct err err = {0};
    if (call_open(hub->calls, node, "resync", args, &handler, hub, &call, &err) < 0)
        log_warn("node not asked for its status: node=%s error=%s", node, log_quote(err.msg));
}

static void got_beat(struct hub *hub, struct member *member, const struct topic *topic,
                     const struct bus_msg *msg)
{
    struct beat beat;
    struct err err = {0};
    if (msg->retain || !member->boot[0] || beat_decode(msg->payload, msg->len, &beat, &err) < 0)
        return;
    const struct nodes_beat told = {
        .boot_id = member->boot, .sequence = beat.seq, .generation = (int64_t)beat.generation};
    nodes_beat(hub->spec.nodes, session_name(member->session), &told);
    switch (tally_beat(member->tally, beat.status_hash, loop_now(hub->spec.loop))) {
    case TALLY_AGREES:
        break;
    case TALLY_REREAD:
        log_info("reports of a node were missed, read again: node=%s", topic->node);
        read_again(hub, topic->node);
        break;
    case TALLY_RESYNC:
        log_info("reports of a node were lost, it says them again: node=%s", topic->node);
        ask_for_all(hub, topic->node);
        break;
    }
}

static void got_report(struct hub *hub, struct member *member, const struct topic *topic,
                       const struct bus_msg *msg)
{
    cleanup(report_done) struct report report = {0};
    struct err err = {0};
    if (msg->len == 0)
        return; /* our own clearing */
    if (report_read(msg->payload, msg->len, topic->id, &report, &err) < 0) {
        log_warn("pod status refused: node=%s error=%s", topic->node, log_quote(err.msg));
        return;
    }
    if (hub->epoch.adopt)
        strays_report(hub->strays, session_name(member->session), &report);
    /* A last word is always heard: it may be its clearing that was lost. */
    if (!tally_report(member->tally, &report) && !report.gone)
        return;
    mirrors_report(hub->mirrors, session_name(member->session), &report);
    intake_report(hub->intake, session_name(member->session), topic->node, &report);
}

static void got_rpc(struct hub *hub, struct member *member, const struct topic *topic,
                    const struct bus_msg *msg)
{
    (void)member;
    calls_message(hub->calls, topic->node, topic->id, msg->payload, msg->len);
}

static void node_asks(void *ctx, const char *node, const char *id, const struct value *question)
{
    struct hub *hub = ctx;
    const struct member *member = members_find(hub->members, node);
    if (!member)
        return;
    const struct asks_node from = {session_name(member->session), node,
                                   session_sealing(member->session)};
    asks_take(hub->asks, &from, id, question);
}

static void answer_node(void *ctx, const char *node, const char *id, struct value *body,
                        const void *raw, size_t len)
{
    const struct hub *hub = ctx;
    struct err err = {0};
    if (calls_answer(hub->calls, node, id, body, raw, len, &err) < 0)
        log_debug("a node is not answered, it will ask again: node=%s error=%s", node,
                  log_quote(err.msg));
}

static void got_events(struct hub *hub, struct member *member, const struct topic *topic,
                       const struct bus_msg *msg)
{
    /* A retained one would happen again with each connection. */
    if (!msg->retain || WEAKENED(EVENTS_RETAINED))
        events_take(hub->events, session_name(member->session), topic->node, msg->payload,
                    msg->len);
}

/* What the broker retains of our own. */
static void got_manifest(struct hub *hub, struct member *member, const struct topic *topic,
                         const struct bus_msg *msg)
{
    (void)hub;
    if (msg->retain && msg->len > 0)
        session_retained(member->session, topic);
}

/* Messages of people and of nodes that want to be. */

static void got_apply(struct hub *hub, struct member *member, const struct topic *topic,
                      const struct bus_msg *msg)
{
    (void)member;
    people_apply(hub->people, topic->user, msg);
}

static void got_delete(struct hub *hub, struct member *member, const struct topic *topic,
                       const struct bus_msg *msg)
{
    (void)member;
    people_delete(hub->people, topic->user, msg);
}

static void got_enroll(struct hub *hub, struct member *member, const struct topic *topic,
                       const struct bus_msg *msg)
{
    (void)member;
    enrolment_request(hub->enrolment, topic->id, msg->payload, msg->len);
}

static const struct {
    enum topic_type type;
    bool retained;
    bool of_member; /* only from a node that is enrolled under that very id */
    void (*got)(struct hub *hub, struct member *member, const struct topic *topic,
                const struct bus_msg *msg);
} handlers[] = {
    {TOPIC_ONLINE, true, true, got_birth},
    {TOPIC_BEAT, false, true, got_beat},
    {TOPIC_STATUS, true, true, got_report},
    {TOPIC_EVENTS, false, true, got_events},
    {TOPIC_RPC_UP, false, true, got_rpc},
    {TOPIC_MANIFEST, false, true, got_manifest},
    {TOPIC_APPLY, false, false, got_apply},
    {TOPIC_DELETE, false, false, got_delete},
    {TOPIC_ENROLL_REQUEST, false, false, got_enroll},
};

static void retained_changed(void *ctx)
{
    const struct hub *hub = ctx;
    if (hub->spec.broker)
        broker_changed(hub->spec.broker);
}

static void message(void *ctx, const struct bus_msg *msg)
{
    struct hub *hub = ctx;
    struct topic topic;
    struct err err = {0};
    char node[TOPIC_NODE_MAX + 1];
    struct member *member = NULL;
    if (topic_tree_node(msg->topic, node) && !(member = members_find(hub->members, node))) {
        remains_message(hub->remains, node, msg);
        return;
    }
    if (topic_parse(msg->topic, &topic, &err) < 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (handlers[i].type != topic.type || (!member && handlers[i].of_member))
            continue;
        if (handlers[i].retained && !msg->retain) /* else the broker had it already */
            retained_changed(hub);
        handlers[i].got(hub, member, &topic, msg);
    }
}

/* The connection. */

static void subscribe_all(struct hub *hub)
{
    char up[TOPIC_MAX + 1], text[TOPIC_MAX + 1];
    struct err err = {0};
    struct bus *bus = hub->spec.bus;
    int rc = topic_filter_up("+", up, &err);
    if (rc == 0)
        rc = bus->subscribe(bus, up, 1, &err);
    static const enum topic_type types[] = {TOPIC_APPLY, TOPIC_DELETE, TOPIC_ENROLL_REQUEST};
    for (size_t i = 0; i < ARRAY_LEN(types) && rc == 0; i++) {
        const struct topic topic = {.type = types[i]};
        rc = topic_filter(&topic, text, &err);
        if (rc == 0)
            rc = bus->subscribe(bus, text, 1, &err);
    }
    if (rc < 0)
        log_error("cannot subscribe: error=%s", log_quote(err.msg));
}

static void connected(void *ctx, bool session_present)
{
    (void)session_present;
    struct hub *hub = ctx;
    log_info("connected to the broker");
    hub->told_down = false;
    nodes_hearing(hub->spec.nodes, true);
    /* The broker is a cache: whatever it still has, everything is said again. */
    outqueue_clear(hub->queue);
    subscribe_all(hub);
    remains_connected(hub->remains);
    members_republish(hub->members);
}

static void left(void *ctx)
{
    struct hub *hub = ctx;
    void (*stopped)(void *) = hub->stopped;
    hub->stopped = NULL;
    loop_timer_stop(hub->leaving);
    if (stopped)
        stopped(hub->stopped_ctx);
}

static void disconnected(void *ctx, const struct err *err)
{
    struct hub *hub = ctx;
    if (err->code < 0) /* 0: the end of our own stop */
        log_write(hub->told_down ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
                  "no connection to the broker, trying again: error=%s", log_quote(err->msg));
    hub->told_down = true;
    nodes_hearing(hub->spec.nodes, false);
    outqueue_clear(hub->queue);
    calls_lost(hub->calls, NULL);
    if (err->code == 0)
        left(hub);
}

static void acked(void *ctx, uint32_t id, int code)
{
    (void)code;
    struct hub *hub = ctx;
    outqueue_pump(hub->queue);
    calls_acked(hub->calls, id);
}

/* Calls. */

static int call_member(struct hub *hub, const char *name, const char *method,
                       const struct value *args, const struct call_handler *handler, void *ctx,
                       struct call **ret, struct err *err)
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

int hub_call_node(struct hub *hub, const char *name, const char *method,
                  const struct call_handler *handler, void *ctx, struct call **ret, struct err *err)
{
    cleanup(value_free) struct value *args = value_new_map();
    value_set_str(args, "namespace", "");
    value_set_str(args, "pod", "");
    return call_member(hub, name, method, args, handler, ctx, ret, err);
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
    return call_member(hub, name, method, args, handler, ctx, ret, err);
}

/* Mirror pods. */

static int call_mirror(void *ctx, const char *name, const struct value *args,
                       const struct call_handler *handler, void *handler_ctx, struct call **ret,
                       struct err *err)
{
    return call_member(ctx, name, "manifest", args, handler, handler_ctx, ret, err);
}

static void mirror_report(void *ctx, const char *name, const struct report *report)
{
    struct hub *hub = ctx;
    const struct member *member = members_named(hub->members, name);
    if (member)
        intake_report(hub->intake, name, session_node(member->session), report);
}

/* Life. */

static int go_online(struct hub *hub, struct err *err)
{
    static const struct bus_handler handler = {
        .connected = connected, .disconnected = disconnected, .message = message, .acked = acked};
    return hub->spec.bus->start(hub->spec.bus, &handler, hub, err);
}

static void member_left(void *ctx, const struct member *member)
{
    struct hub *hub = ctx;
    calls_forget(hub->calls, session_node(member->session));
    remains_node(hub->remains, session_node(member->session));
    events_forget(hub->events, session_node(member->session));
    asks_forget(hub->asks, session_node(member->session));
    mirrors_forget(hub->mirrors, session_name(member->session));
}

/* Nor is anything listened to before: a node that was not read yet would not be known. */
static void members_complete(void *ctx)
{
    struct hub *hub = ctx;
    struct err err = {0};
    hub->complete = true;
    if (hub->started && go_online(hub, &err) < 0)
        log_error("no connection to the broker: error=%s", log_quote(err.msg));
}

static int make_mirrors(struct hub *hub, struct err *err)
{
    const struct mirrors_spec mirrors = {.loop = hub->spec.loop,
                                         .api = hub->spec.api,
                                         .ctx = hub,
                                         .call = call_mirror,
                                         .report = mirror_report};
    return mirrors_new(&mirrors, &hub->mirrors, err);
}

static int make_members(struct hub *hub, struct err *err)
{
    static const struct members_handler handler = {member_left, members_complete};
    const struct session_world world = {.loop = hub->spec.loop,
                                        .api = hub->spec.api,
                                        .store = hub->spec.store,
                                        .queue = hub->queue,
                                        .signer = hub->spec.trust->signer,
                                        .epoch = &hub->epoch};
    return members_new(&world, &handler, hub, &hub->members, err);
}

int hub_new(const struct hub_spec *spec, struct hub **ret, struct err *err)
{
    struct hub *hub = xcalloc(1, sizeof(*hub));
    hub->spec = *spec;
    hub->leaving = loop_timer_new(spec->loop, left, hub);
    hub->queue = outqueue_new(spec->bus, retained_changed, hub);
    hub->intake = intake_new(spec->api, report_settled, hub);
    hub->events = events_new(spec->loop, spec->api, spec->recorder);
    hub->people = people_new(spec->api, hub->queue, spec->authn, spec->audit);
    const struct remains_spec remains = {.loop = spec->loop,
                                         .api = spec->api,
                                         .store = spec->store,
                                         .bus = spec->bus,
                                         .queue = hub->queue};
    hub->remains = remains_new(&remains);
    hub->strays = strays_new(spec->api);
    const struct calls_spec calls = {.loop = spec->loop,
                                     .bus = spec->bus,
                                     .rng = spec->rng,
                                     .sealing = spec->trust->sealing,
                                     .ask = node_asks,
                                     .ctx = hub};
    hub->calls = calls_new(&calls);
    const struct asks_spec asks = {.loop = spec->loop,
                                   .api = spec->api,
                                   .tokens = spec->tokens,
                                   .answer = answer_node,
                                   .ctx = hub};
    hub->asks = asks_new(&asks);
    const struct enrolment_spec enrolment = {.loop = spec->loop,
                                             .api = spec->api,
                                             .queue = hub->queue,
                                             .broker = spec->broker,
                                             .trust = spec->trust};
    int rc = enrolment_new(&enrolment, &hub->enrolment, err);
    if (rc == 0)
        rc = epoch_read(spec->store, &hub->epoch, err);
    if (rc == 0)
        rc = make_mirrors(hub, err);
    if (rc == 0)
        rc = make_members(hub, err);
    if (rc < 0) {
        hub_free(hub);
        return rc;
    }
    *ret = hub;
    return 0;
}

/* After a restore. */

const struct epoch *hub_epoch(const struct hub *hub)
{
    return &hub->epoch;
}

struct value *hub_kept(const struct hub *hub)
{
    return strays_list(hub->strays);
}

struct settling {
    struct hub *hub;
    hub_settled_fn *done;
    void *ctx;
};

static void settled(void *ctx, int code, int64_t revision)
{
    (void)revision;
    autofree struct settling *settling = ctx;
    if (code == 0) {
        settling->hub->epoch.adopt = false;
        strays_clear(settling->hub->strays);
        log_info("settled: what nodes kept from before the restore goes");
        members_republish(settling->hub->members);
    }
    settling->done(settling->ctx, code);
}

void hub_settle(struct hub *hub, hub_settled_fn *done, void *ctx)
{
    const struct epoch epoch = {hub->epoch.number, false};
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    epoch_write(&epoch, &text);
    struct settling *settling = xcalloc(1, sizeof(*settling));
    *settling = (struct settling){hub, done, ctx};
    store_put(hub->spec.store, STORE_DURABLE, EPOCH_KEY, text.data, text.len, STORE_ANY, settled,
              settling);
}

int hub_start(struct hub *hub, struct err *err)
{
    nodes_hearing(hub->spec.nodes, false);
    hub->started = true;
    return hub->complete ? go_online(hub, err) : 0;
}

void hub_stop(struct hub *hub, void (*done)(void *ctx), void *ctx)
{
    bool connected_now = hub->spec.bus->is_connected(hub->spec.bus);
    hub->started = false;
    hub->spec.bus->stop(hub->spec.bus);
    if (!connected_now) {
        done(ctx);
        return;
    }
    hub->stopped = done;
    hub->stopped_ctx = ctx;
    loop_timer_after(hub->leaving, LEAVE_NS);
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    hub->spec.bus->stop(hub->spec.bus);
    enrolment_free(hub->enrolment);
    people_free(hub->people);
    intake_free(hub->intake);
    events_free(hub->events);
    mirrors_free(hub->mirrors);
    calls_free(hub->calls);
    asks_free(hub->asks);
    members_free(hub->members);
    remains_free(hub->remains);
    strays_free(hub->strays);
    outqueue_free(hub->queue);
    loop_timer_free(hub->leaving);
    free(hub);
}
