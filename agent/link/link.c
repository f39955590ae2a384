#include "agent/link/link.h"

#include "agent/link/news.h"
#include "agent/link/outbox.h"
#include "agent/link/questions.h"
#include "agent/link/streams.h"
#include "agent/link/token_asks.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/beat.h"
#include "common/bus/birth.h"

#include <errno.h>
#include <stdio.h>

/* How long manifests that an index lists may be on their way before they are asked for again. */
#define MISSING_NS (2 * NS_PER_S)
#define MISSING_MAX 100 /* asked for at once */
#define FLUSH_MAX 64    /* statuses in flight at once */
#define LEAVE_NS NS_PER_S
/* Beats are numbered from the tenths of a second since boot on: above all of an earlier agent of
 * this boot, which the gateway would else take for late doubles. 13 years fit. */
#define BEAT_SEQ_NS (NS_PER_S / 10)

struct link {
    struct link_spec spec;
    char *boot_id, *nonce;
    struct value *status, *labels, *volumes_gone;
    struct outbox *outbox;
    struct streams *streams;
    struct questions *questions;
    struct token_asks *token_asks;
    struct loop_timer *beat, *missing;
    struct loop_defer *reload, *flush;
    uint32_t beat_seq;
    bool heard; /* something came by our subscription since it was made */
    size_t asked;
    struct loop_timer *leaving; /* how long stop waits at most */
    void (*stopped)(void *ctx); /* NULL: nobody waits */
    void *stopped_ctx;
    struct news down; /* why there is no connection: each attempt that fails says so */
};

static const char *node_of(const struct link *link)
{
    return link->spec.identity->node;
}

static int topic_up(const struct link *link, enum topic_type type, const char *id,
                    char ret[TOPIC_MAX + 1])
{
    struct topic topic = {.type = type};
    snprintf(topic.node, sizeof(topic.node), "%s", node_of(link));
    snprintf(topic.id, sizeof(topic.id), "%s", id);
    struct err err = {0};
    return topic_build(&topic, ret, &err);
}

/* Up. */

static void publish_birth(struct link *link)
{
    struct birth birth = {.online = true,
                          .beat_s = link->spec.beat_s,
                          .status = link->status,
                          .labels = link->labels,
                          .volumes_gone = link->volumes_gone};
    snprintf(birth.node, sizeof(birth.node), "%s", node_of(link));
    snprintf(birth.boot, sizeof(birth.boot), "%s", link->boot_id);
    snprintf(birth.nonce, sizeof(birth.nonce), "%s", link->nonce);
    if (link->spec.pod_cidr)
        snprintf(birth.pod_cidr, sizeof(birth.pod_cidr), "%s", link->spec.pod_cidr);
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, BIRTH_MAX);
    char topic[TOPIC_MAX + 1];
    struct err err = {0};
    if (birth_write(&birth, &payload) < 0 || topic_up(link, TOPIC_ONLINE, "", topic) < 0)
        return;
    const struct bus_msg msg = {
        .topic = topic, .payload = payload.data, .len = payload.len, .qos = 1, .retain = true};
    if (link->spec.bus->publish(link->spec.bus, &msg, NULL, &err) < 0)
        log_warn("birth not published: error=%s", log_quote(err.msg));
}

void link_set_node_status(struct link *link, const struct value *status)
{
    value_free(link->status);
    link->status = value_copy(status);
    if (link->spec.bus->is_connected(link->spec.bus))
        publish_birth(link);
}

void link_set_volumes_gone(struct link *link, const struct value *names)
{
    value_free(link->volumes_gone);
    link->volumes_gone = value_new_list();
    for (size_t i = 0; i < value_len(names) && i < BIRTH_VOLUMES_MAX; i++)
        value_append(link->volumes_gone, value_copy(value_at(names, i)));
    if (link->spec.bus->is_connected(link->spec.bus))
        publish_birth(link);
}

static void send_beat(void *ctx)
{
    struct link *link = ctx;
    loop_timer_after(link->beat, link->spec.beat_s * NS_PER_S);
    if (!link->spec.bus->is_connected(link->spec.bus))
        return;
    struct beat beat = {.seq = ++link->beat_seq,
                        .epoch_low = (uint16_t)desired_epoch(link->spec.desired),
                        .generation = desired_generation(link->spec.desired)};
    outbox_hash(link->outbox, beat.status_hash);
    uint8_t payload[BEAT_LEN];
    beat_encode(&beat, payload);
    char topic[TOPIC_MAX + 1];
    struct err err = {0};
    if (topic_up(link, TOPIC_BEAT, "", topic) < 0)
        return;
    const struct bus_msg msg = {.topic = topic, .payload = payload, .len = sizeof(payload)};
    (void)link->spec.bus->publish(link->spec.bus, &msg, NULL, &err);
}

static void flush_statuses(struct link *link)
{
    for (int i = 0; i < FLUSH_MAX; i++) {
        cleanup(buf_done) struct buf payload;
        buf_init(&payload, 0);
        const char *uid;
        char topic[TOPIC_MAX + 1];
        if (!outbox_next(link->outbox, &uid, &payload) ||
            topic_up(link, TOPIC_STATUS, uid, topic) < 0)
            return;
        const struct bus_msg msg = {
            .topic = topic, .payload = payload.data, .len = payload.len, .qos = 1, .retain = true};
        uint32_t id = 0;
        struct err err = {0};
        if (link->spec.bus->publish(link->spec.bus, &msg, &id, &err) < 0)
            return; /* an acknowledgement or a new connection brings us back */
        outbox_sent(link->outbox, uid, id);
    }
}

static void flush_events(struct link *link)
{
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    char topic[TOPIC_MAX + 1];
    if (!outbox_events(link->outbox, loop_now(link->spec.loop), &payload) ||
        topic_up(link, TOPIC_EVENTS, "", topic) < 0)
        return;
    const struct bus_msg msg = {
        .topic = topic, .payload = payload.data, .len = payload.len, .qos = 1};
    struct err err = {0};
    if (link->spec.bus->publish(link->spec.bus, &msg, NULL, &err) == 0)
        outbox_events_sent(link->outbox);
}

static void flush(void *ctx)
{
    struct link *link = ctx;
    link->flush = NULL;
    if (!link->spec.bus->is_connected(link->spec.bus))
        return;
    flush_statuses(link);
    flush_events(link);
}

static void flush_soon(struct link *link)
{
    if (!link->flush)
        link->flush = loop_defer(link->spec.loop, flush, link);
}

static bool is_listed(void *ctx, const char *path)
{
    return desired_lists(ctx, path);
}

void link_status(struct link *link, const struct value *pod, bool gone)
{
    const struct value *meta = value_get(pod, "metadata");
    outbox_status(link->outbox, value_get_str(meta, "uid"), pod, gone);
    outbox_settle(link->outbox, is_listed, link->spec.desired);
    if (gone && link->streams)
        streams_pod_gone(link->streams, value_get_str(meta, "namespace"),
                         value_get_str(meta, "name"));
    flush_soon(link);
}

void link_event(struct link *link, const char *ns, const char *name, const char *uid,
                const char *type, const char *reason, const char *message)
{
    struct value *event = value_new_map();
    value_set_str(event, "namespace", ns);
    value_set_str(event, "name", name);
    value_set_str(event, "uid", uid);
    value_set_str(event, "type", type);
    value_set_str(event, "reason", reason);
    value_set_str(event, "message", message);
    outbox_event(link->outbox, event, loop_now(link->spec.loop));
    flush_soon(link);
}

/* Down. */

static void reload(void *ctx)
{
    struct link *link = ctx;
    link->reload = NULL;
    if (!desired_take_changed(link->spec.desired))
        return;
    log_info("desired state committed epoch=%llu generation=%llu",
             (unsigned long long)desired_epoch(link->spec.desired),
             (unsigned long long)desired_generation(link->spec.desired));
    agent_reload(link->spec.agent);
    outbox_settle(link->outbox, is_listed, link->spec.desired);
}

/* After anything was offered: commit at the end of the batch, look for gaps a little later (what is
 * refused does not put that off). */
static void offered(struct link *link, int rc)
{
    if (!link->reload)
        link->reload = loop_defer(link->spec.loop, reload, link);
    if (rc >= 0 || !loop_timer_armed(link->missing))
        loop_timer_after(link->missing, MISSING_NS);
}

static int ask_again(void *ctx, const char *path, const char *digest)
{
    struct link *link = ctx;
    char topic[TOPIC_MAX + 1];
    struct err err = {0};
    if (topic_of_manifest(node_of(link), path, digest, topic, &err) < 0)
        return 0;
    /* A new subscription brings the retained message again; the node's own filter covers it
     * afterwards. */
    if (link->spec.bus->subscribe(link->spec.bus, topic, 1, &err) < 0)
        return 1;
    (void)link->spec.bus->unsubscribe(link->spec.bus, topic, &err);
    return ++link->asked >= MISSING_MAX;
}

/* What was committed is finished, what is missing is asked for, what the disk refused is tried
 * again, until none of it is left. */
static void ask_for_missing(void *ctx)
{
    struct link *link = ctx;
    struct err err = {0};
    link->asked = 0;
    if (!WEAKENED(CACHE_RETRY) && desired_finish(link->spec.desired, &err) < 0)
        log_warn("desired state not written, tried again: error=%s", log_quote(err.msg));
    if (!link->reload)
        link->reload = loop_defer(link->spec.loop, reload, link);
    if (link->spec.bus->is_connected(link->spec.bus))
        (void)desired_missing(link->spec.desired, ask_again, link);
    if (link->asked > 0)
        log_warn("manifests are missing and asked for again: count=%zu", link->asked);
    if (link->asked > 0 || desired_is_unfinished(link->spec.desired))
        loop_timer_after(link->missing, 10 * MISSING_NS);
}

static void got_index(struct link *link, const struct bus_msg *msg)
{
    struct err err = {0};
    int rc = desired_offer_index(link->spec.desired, msg->payload, msg->len, &err);
    if (rc < 0)
        log_warn("desired state refused, what runs is left alone: error=%s", log_quote(err.msg));
    offered(link, rc);
}

static void got_manifest(struct link *link, const struct topic *topic, const struct bus_msg *msg)
{
    char path[TOPIC_PATH_MAX + 1];
    struct err err = {0};
    if (msg->len == 0 || topic_path(topic->kind, topic->ns, topic->name, path, &err) < 0)
        return;
    int rc = desired_offer_manifest(link->spec.desired, path, topic->digest, msg->payload, msg->len,
                                    &err);
    if (rc < 0 && rc != -ENOENT)
        log_warn("manifest refused: path=%s error=%s", path, log_quote(err.msg));
    offered(link, rc);
}

static void message(void *ctx, const struct bus_msg *msg)
{
    struct link *link = ctx;
    struct topic topic;
    struct err err = {0};
    if (topic_parse(msg->topic, &topic, &err) < 0 || !str_eq(topic.node, node_of(link)))
        return;
    link->heard = true;
    switch (topic.type) {
    case TOPIC_DESIRED:
        got_index(link, msg);
        break;
    case TOPIC_MANIFEST:
        got_manifest(link, &topic, msg);
        break;
    case TOPIC_RPC_DOWN:
        streams_message(link->streams, topic.id, msg->payload, msg->len);
        break;
    default: /* delta, lease, time: of a later release */
        break;
    }
}

static void connected(void *ctx, bool session_present)
{
    struct link *link = ctx;
    news_forget(&link->down);
    log_info("connected to the bus node=%s session=%s", node_of(link),
             session_present ? "kept" : "new");
    char filter[TOPIC_MAX + 1];
    struct err err = {0};
    outbox_reset(link->outbox, !session_present);
    /* A session that was kept may be one whose connection broke before our subscription arrived. */
    bool subscribed = session_present && (link->heard || WEAKENED(LINK_SUBSCRIBED));
    link->heard = subscribed;
    if (!subscribed && (topic_filter_down(node_of(link), filter, &err) < 0 ||
                        link->spec.bus->subscribe(link->spec.bus, filter, 1, &err) < 0))
        log_error("cannot subscribe: error=%s", log_quote(err.msg));
    publish_birth(link);
    send_beat(link);
    flush_soon(link);
    tokens_contact(agent_tokens(link->spec.agent), true);
    loop_timer_after(link->missing, MISSING_NS);
}

static void left(void *ctx)
{
    struct link *link = ctx;
    void (*stopped)(void *) = link->stopped;
    link->stopped = NULL;
    loop_timer_stop(link->leaving);
    if (stopped)
        stopped(link->stopped_ctx);
}

static void disconnected(void *ctx, const struct err *err)
{
    struct link *link = ctx;
    if (err->code < 0) { /* 0: the end of our own stop */
        bool news = news_is(&link->down, err->msg, loop_now(link->spec.loop));
        log_write(news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
                  "no connection to the bus, pods go on: error=%s", log_quote(err->msg));
    }
    outbox_reset(link->outbox, false);
    streams_reset(link->streams);
    tokens_contact(agent_tokens(link->spec.agent), false);
    questions_reset(link->questions);
    if (err->code == 0)
        left(link);
}

static void acked(void *ctx, uint32_t id, int code)
{
    struct link *link = ctx;
    outbox_acked(link->outbox, id, code == 0);
    if (code == 0)
        flush_soon(link);
    streams_acked(link->streams, id);
}

int link_will(const char *node, const char *boot_id, const char *nonce,
              char ret_topic[TOPIC_MAX + 1], struct buf *ret_payload)
{
    struct birth birth = {.online = false};
    struct topic topic = {.type = TOPIC_ONLINE};
    struct err err = {0};
    snprintf(birth.node, sizeof(birth.node), "%s", node);
    snprintf(birth.boot, sizeof(birth.boot), "%s", boot_id);
    snprintf(birth.nonce, sizeof(birth.nonce), "%s", nonce);
    snprintf(topic.node, sizeof(topic.node), "%s", node);
    int rc = topic_build(&topic, ret_topic, &err);
    return rc < 0 ? rc : birth_write(&birth, ret_payload);
}

static void resync(void *ctx)
{
    struct link *link = ctx;
    outbox_reset(link->outbox, true);
    flush_soon(link);
}

/* Questions to the gateway. */

static int say_question(void *ctx, const char *id, const struct value *body, struct err *err)
{
    const struct link *link = ctx;
    int rc = streams_say(link->streams, id, body);
    return rc < 0 ? err_set(err, rc, "the bus takes no question now") : 0;
}

static void other_message(void *ctx, const char *id, const struct envelope_got *got)
{
    const struct link *link = ctx;
    questions_message(link->questions, id, got);
}

static void make_questions(struct link *link)
{
    const struct questions_spec spec = {
        .loop = link->spec.loop, .rng = link->spec.rng, .send = say_question, .ctx = link};
    link->questions = questions_new(&spec);
    link->token_asks = token_asks_new(agent_tokens(link->spec.agent), link->questions,
                                      node_of(link), link->spec.identity->sealing_key);
}

static int make_streams(struct link *link, struct err *err)
{
    struct envelope_link secret;
    int rc = envelope_link_init(&secret, link->spec.identity->sealing_key,
                                link->spec.identity->controller, node_of(link), link->boot_id, err);
    if (rc < 0)
        return rc;
    autofree char *seq_file = xasprintf("%s/rpc-counters.json", link->spec.run_dir);
    const struct streams_spec spec = {
        .node = {.loop = link->spec.loop,
                 .agent = link->spec.agent,
                 .usage = link->spec.usage,
                 .prepulls = link->spec.prepulls,
                 .resync = resync,
                 .ctx = link},
        .bus = link->spec.bus,
        .node_id = node_of(link),
        .link = &secret,
        .seq_file = seq_file,
        .disk = link->spec.disk,
        .other = other_message,
        .ctx = link,
    };
    rc = streams_new(&spec, &link->streams, err);
    envelope_link_done(&secret);
    return rc;
}

int link_new(const struct link_spec *spec, struct link **ret, struct err *err)
{
    struct link *link = xcalloc(1, sizeof(*link));
    link->spec = *spec;
    link->boot_id = xstrdup(spec->boot_id);
    link->nonce = xstrdup(spec->nonce);
    link->status = value_copy(spec->status);
    link->labels = value_copy(spec->labels);
    /* Milliseconds since boot: more than an earlier agent of this boot can have counted to. */
    link->outbox = outbox_new(spec->boot_id, (uint64_t)(loop_now(spec->loop) / NS_PER_MS));
    if (!WEAKENED(LINK_BEAT_SEQ))
        link->beat_seq = (uint32_t)(loop_now(spec->loop) / BEAT_SEQ_NS);
    link->beat = loop_timer_new(spec->loop, send_beat, link);
    link->missing = loop_timer_new(spec->loop, ask_for_missing, link);
    link->leaving = loop_timer_new(spec->loop, left, link);
    make_questions(link);
    int rc = make_streams(link, err);
    if (rc < 0) {
        link_free(link);
        return rc;
    }
    *ret = link;
    return 0;
}

int link_start(struct link *link, struct err *err)
{
    static const struct bus_handler handler = {
        .connected = connected, .disconnected = disconnected, .message = message, .acked = acked};
    return link->spec.bus->start(link->spec.bus, &handler, link, err);
}

void link_stop(struct link *link, void (*done)(void *ctx), void *ctx)
{
    bool connected_now = link->spec.bus->is_connected(link->spec.bus);
    link->spec.bus->stop(link->spec.bus);
    if (!connected_now) {
        done(ctx);
        return;
    }
    link->stopped = done;
    link->stopped_ctx = ctx;
    loop_timer_after(link->leaving, LEAVE_NS);
}

void link_free(struct link *link)
{
    if (!link)
        return;
    link->spec.bus->stop(link->spec.bus);
    loop_timer_free(link->beat);
    loop_timer_free(link->missing);
    loop_timer_free(link->leaving);
    if (link->reload)
        loop_defer_free(link->reload);
    if (link->flush)
        loop_defer_free(link->flush);
    streams_free(link->streams);
    token_asks_free(link->token_asks);
    questions_free(link->questions);
    outbox_free(link->outbox);
    value_free(link->status);
    value_free(link->labels);
    value_free(link->volumes_gone);
    free(link->boot_id);
    free(link->nonce);
    free(link);
}
