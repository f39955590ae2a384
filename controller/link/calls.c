#include "controller/link/calls.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/envelope.h"
#include "common/bus/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A node that has the request answers within its expiry, or never got it. */
#define ANSWER_NS ((RPC_EXPIRY_S + 2) * NS_PER_S)
#define CALLS_MAX 1024

struct peer {
    char boot[ENVELOPE_MAX_BOOT + 1];
    struct envelope_line down, up, hint;
};

struct call {
    struct calls *calls;
    char id[33];
    char node[TOPIC_NODE_MAX + 1];
    struct value *open; /* the first message, for a second try after a hint */
    struct call_handler handler;
    void *ctx;
    struct loop_timer *answer;
    size_t credit;  /* what the node may still send */
    size_t granted; /* taken by the reader, not yet told to the node */
    bool answered;
};

struct calls {
    struct calls_spec spec;
    struct map *peers; /* node -> struct peer */
    struct map *open;  /* id -> struct call */
};

static void peer_free(void *p)
{
    struct peer *peer = p;
    envelope_line_done(&peer->down);
    envelope_line_done(&peer->up);
    envelope_line_done(&peer->hint);
    free(peer);
}

static void call_free(void *p)
{
    struct call *call = p;
    loop_timer_free(call->answer);
    value_free(call->open);
    free(call);
}

struct calls *calls_new(const struct calls_spec *spec)
{
    struct calls *calls = xcalloc(1, sizeof(*calls));
    calls->spec = *spec;
    calls->peers = map_new();
    calls->open = map_new();
    return calls;
}

void calls_free(struct calls *calls)
{
    if (!calls)
        return;
    map_free(calls->open, call_free);
    map_free(calls->peers, peer_free);
    free(calls);
}

/* Peers. */

static int make_peer(struct calls *calls, const char *node, const char *boot,
                     const struct key *sealing, struct err *err)
{
    struct envelope_link link;
    int rc = envelope_link_init(&link, calls->spec.sealing, sealing, node, boot, err);
    if (rc < 0)
        return rc;
    struct peer *peer = xcalloc(1, sizeof(*peer));
    snprintf(peer->boot, sizeof(peer->boot), "%s", boot);
    rc = envelope_line_init(&peer->down, &link, ENVELOPE_DOWN, RPC_CLASS, err);
    if (rc == 0)
        rc = envelope_line_init(&peer->up, &link, ENVELOPE_UP, RPC_CLASS, err);
    if (rc == 0)
        rc = envelope_line_init(&peer->hint, &link, ENVELOPE_UP, "hint", err);
    envelope_link_done(&link);
    if (rc < 0) {
        peer_free(peer);
        return rc;
    }
    /* Most likely above what an earlier gateway counted to; where it is not, the node hints. */
    peer->down.last = (uint64_t)(clock_wall(loop_clock(calls->spec.loop)) / NS_PER_MS);
    struct peer *old = map_put(calls->peers, node, peer);
    if (old)
        peer_free(old);
    return 0;
}

/* Takes the call off the list before it tells, so that the handler may open another. */
static void finish(struct call *call, int code, const char *message)
{
    (void)map_del(call->calls->open, call->id);
    call->handler.end(call->ctx, code, message);
    call_free(call);
}

/* Ends the calls of a node (NULL: of all); those that it has not answered yet may be spared. */
static void end_calls(struct calls *calls, const char *node, bool answered_only)
{
    void *p;
    for (size_t i = 0; map_next(calls->open, &i, NULL, &p);) {
        struct call *call = p;
        if ((!node || str_eq(call->node, node)) && (call->answered || !answered_only))
            finish(call, 503, "the connection to the node broke");
    }
}

void calls_lost(struct calls *calls, const char *node)
{
    end_calls(calls, node, false);
}

void calls_forget(struct calls *calls, const char *node)
{
    calls_lost(calls, node);
    struct peer *peer = map_del(calls->peers, node);
    if (peer)
        peer_free(peer);
}

void calls_boot(struct calls *calls, const char *node, const char *boot, const struct key *sealing)
{
    const struct peer *peer = map_get(calls->peers, node);
    struct err err = {0};
    bool same = peer && str_eq(peer->boot, boot);
    /* A node begins each connection with a birth, and has forgotten what it was sending before. */
    end_calls(calls, node, same);
    if (same)
        return;
    if (make_peer(calls, node, boot, sealing, &err) < 0)
        log_error("no key for requests to a node: node=%s error=%s", node, log_quote(err.msg));
}

/* Sending. */

static int send_down(struct call *call, const struct value *body, struct err *err)
{
    struct calls *calls = call->calls;
    struct peer *peer = map_get(calls->peers, call->node);
    if (!peer)
        return err_set(err, -ENOTCONN, "node %s is not connected", call->node);
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, call->id);
    const struct envelope_msg msg = {
        .channel = channel, .time_ns = clock_wall(loop_clock(calls->spec.loop)), .body = body};
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    struct topic topic = {.type = TOPIC_RPC_DOWN};
    snprintf(topic.node, sizeof(topic.node), "%s", call->node);
    snprintf(topic.id, sizeof(topic.id), "%s", call->id);
    char text[TOPIC_MAX + 1];
    int rc = topic_build(&topic, text, err);
    if (rc == 0)
        rc = envelope_write(&peer->down, &msg, &payload, err);
    if (rc < 0)
        return rc;
    const struct bus_msg out = {.topic = text,
                                .payload = payload.data,
                                .len = payload.len,
                                .qos = 1,
                                .expiry_s = RPC_EXPIRY_S};
    return calls->spec.bus->publish(calls->spec.bus, &out, NULL, err);
}

static void answer_late(void *ctx)
{
    struct call *call = ctx;
    autofree char *message = xasprintf("node %s does not answer", call->node);
    finish(call, 504, message);
}

int call_open(struct calls *calls, const char *node, const char *method, const struct value *args,
              const struct call_handler *handler, void *ctx, struct call **ret, struct err *err)
{
    if (map_len(calls->open) >= CALLS_MAX)
        return err_set(err, -EBUSY, "too many streams to nodes");
    struct call *call = xcalloc(1, sizeof(*call));
    uint8_t id[16];
    rng_fill(calls->spec.rng, id, sizeof(id));
    hex_encode(id, sizeof(id), call->id);
    call->calls = calls;
    snprintf(call->node, sizeof(call->node), "%s", node);
    call->handler = *handler;
    call->ctx = ctx;
    call->answer = loop_timer_new(calls->spec.loop, answer_late, call);
    call->open = value_new_map();
    value_set_str(call->open, "op", "open");
    value_set_str(call->open, "method", method);
    value_set(call->open, "args", value_copy(args));
    value_set_int(call->open, "credit", RPC_CREDIT);
    call->credit = RPC_CREDIT;
    int rc = send_down(call, call->open, err);
    if (rc < 0) {
        call_free(call);
        return rc;
    }
    loop_timer_after(call->answer, ANSWER_NS);
    (void)map_put(calls->open, call->id, call);
    *ret = call;
    return 0;
}

/* In large pieces; what the bus does not take now goes with the next acknowledgement. */
static void grant(struct call *call)
{
    if (call->granted < RPC_CREDIT / 2)
        return;
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", "credit");
    value_set_int(body, "bytes", (int64_t)call->granted);
    struct err err = {0};
    if (send_down(call, body, &err) < 0)
        return;
    call->credit += call->granted;
    call->granted = 0;
}

void call_credit(struct call *call, size_t bytes)
{
    call->granted += bytes;
    grant(call);
}

static void send_close(struct call *call)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", "close");
    struct err err = {0};
    (void)send_down(call, body, &err);
}

void call_close(struct call *call)
{
    send_close(call);
    (void)map_del(call->calls->open, call->id);
    call_free(call);
}

void calls_pump(struct calls *calls)
{
    void *p;
    for (size_t i = 0; map_next(calls->open, &i, NULL, &p);)
        grant(p);
}

/* Receiving. */

static void got_hint(struct peer *peer, struct call *call, const void *payload, size_t len)
{
    bool moved = false;
    struct err err = {0};
    if (envelope_hint_apply(&peer->hint, payload, len, &peer->down, &moved, &err) < 0 || !moved ||
        call->answered)
        return;
    if (send_down(call, call->open, &err) < 0)
        finish(call, 503, err.msg);
}

static void got_data(struct call *call, const struct envelope_got *got)
{
    if (got->raw_len > call->credit && !WEAKENED(CALL_CREDIT)) {
        log_warn("a node sends more than it was asked for: node=%s", call->node);
        send_close(call);
        finish(call, 502, "the node sends more than it was asked for");
        return;
    }
    call->credit -= got->raw_len;
    call->handler.data(call->ctx, got->raw, got->raw_len);
}

static void got_body(struct call *call, const struct envelope_got *got)
{
    const char *op = value_get_str(got->body, "op");
    call->answered = true;
    loop_timer_stop(call->answer);
    if (str_eq(op, "data")) {
        got_data(call, got);
    } else if (str_eq(op, "end")) {
        int64_t code = value_get_int(got->body, "code", 0);
        const char *message = value_get_str(got->body, "message");
        bool sane = code == 0 || (code >= 400 && code < 600);
        finish(call, sane ? (int)code : 502, message ? message : "");
    }
}

void calls_message(struct calls *calls, const char *node, const char *id, const void *payload,
                   size_t len)
{
    struct peer *peer = map_get(calls->peers, node);
    struct call *call = map_get(calls->open, id);
    if (!peer || !call || !str_eq(call->node, node))
        return;
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    cleanup(envelope_got_done) struct envelope_got got = {0};
    struct err err = {0};
    int rc = envelope_read(&peer->up, channel, payload, len, &got, &err);
    if (rc == 0)
        got_body(call, &got);
    else if (rc == -EADDRNOTAVAIL || rc == -EBADMSG)
        got_hint(peer, call, payload, len);
    else
        log_warn("answer of a node refused: node=%s error=%s", node, log_quote(err.msg));
}
