#include "controller/link/hub.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/link/hub_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define LEAVE_NS NS_PER_S

/* Answers to nodes. */

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

void hub_retained_changed(void *ctx)
{
    const struct hub *hub = ctx;
    if (hub->spec.broker)
        broker_changed(hub->spec.broker);
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

/* Mirror pods. */

static int call_mirror(void *ctx, const char *name, const struct value *args,
                       const struct call_handler *handler, void *handler_ctx, struct call **ret,
                       struct err *err)
{
    return hub_call_member(ctx, name, "manifest", args, handler, handler_ctx, ret, err);
}

static void mirror_report(void *ctx, const char *name, const struct report *report)
{
    struct hub *hub = ctx;
    const struct member *member = members_named(hub->members, name);
    if (member)
        intake_report(hub->intake, name, session_node(member->session), report);
}

/* Life. */

static void message(void *ctx, const struct bus_msg *msg)
{
    hub_message(ctx, msg);
}

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

static int deny(void *ctx, const char *const *names, size_t count, struct err *err)
{
    const struct hub *hub = ctx;
    return broker_deny_set(hub->spec.broker, names, count, err);
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
    hub->queue = outqueue_new(spec->bus, hub_retained_changed, hub);
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
    if (rc == 0 && spec->broker)
        rc = denials_new(spec->loop, spec->api, deny, hub, &hub->denials, err);
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
    denials_free(hub->denials);
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
