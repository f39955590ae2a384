#include "controller/link/hub_impl.h"

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/beat.h"

#include <stdio.h>

/* Messages of nodes. */

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
    case TALLY_SETTLED:
        mirrors_settled(hub->mirrors, session_name(member->session), member->tally);
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

void hub_message(struct hub *hub, const struct bus_msg *msg)
{
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
            hub_retained_changed(hub);
        handlers[i].got(hub, member, &topic, msg);
    }
}
