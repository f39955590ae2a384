#include "controller/link/calls.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/envelope.h"
#include "common/bus/rpc.h"
#include "common/bus/rpc_flow.h"
#include "common/bus/rpc_window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A node that has the request answers within its expiry, or never got it. */
#define ANSWER_NS ((RPC_EXPIRY_S + 2) * NS_PER_S)
#define CALLS_MAX 1024
#define TICK_NS (5 * NS_PER_S)
/* How often a request is said again to a node that has seen higher counters. */
#define HINTS_MAX 3

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
    struct rpc_flow flow;
    struct rpc_turn turn;
    unsigned eofs; /* channels whose end is still to be said, bits */
    int hints;
    bool answered;
    bool wants;          /* a send took less than everything */
    int64_t heard, said; /* boot ns */
};

struct calls {
    struct calls_spec spec;
    struct map *peers; /* node -> struct peer */
    struct map *open;  /* id -> struct call */
    struct rpc_window window;
    struct loop_timer *tick;
    bool full; /* the bus took no more: an acknowledgement goes on */
};

static void tick(void *ctx);

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
    rpc_window_leave(&call->calls->window, &call->turn);
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
    calls->tick = loop_timer_new(spec->loop, tick, calls);
    rpc_window_init(&calls->window);
    return calls;
}

void calls_free(struct calls *calls)
{
    if (!calls)
        return;
    map_free(calls->open, call_free);
    map_free(calls->peers, peer_free);
    loop_timer_free(calls->tick);
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
static void finish_as(struct call *call, const struct call_end *end)
{
    (void)map_del(call->calls->open, call->id);
    call->handler.end(call->ctx, end);
    call_free(call);
}

static void finish(struct call *call, int code, const char *message)
{
    finish_as(call, &(struct call_end){.code = code, .message = message});
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
    if (!node)
        rpc_window_reset(&calls->window);
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

static int publish(struct calls *calls, const char *node, const char *id, const struct value *body,
                   const void *raw, size_t raw_len, uint32_t *ret_id, struct err *err)
{
    struct peer *peer = map_get(calls->peers, node);
    if (!peer)
        return err_set(err, -ENOTCONN, "node %s is not connected", node);
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    const struct envelope_msg msg = {.channel = channel,
                                     .time_ns = clock_wall(loop_clock(calls->spec.loop)),
                                     .body = body,
                                     .raw = raw,
                                     .raw_len = raw_len};
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    struct topic topic = {.type = TOPIC_RPC_DOWN};
    snprintf(topic.node, sizeof(topic.node), "%s", node);
    snprintf(topic.id, sizeof(topic.id), "%s", id);
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
    rc = calls->spec.bus->publish(calls->spec.bus, &out, ret_id, err);
    if (rc == -ENOBUFS)
        calls->full = true;
    return rc;
}

static int send_down(struct call *call, const struct value *body, struct err *err)
{
    return publish(call->calls, call->node, call->id, body, NULL, 0, NULL, err);
}

/* A message of the stream's own: body is filled but for its number. */
static int say(struct call *call, const char *op, struct value *body, const void *raw,
               size_t raw_len, uint32_t *ret_id)
{
    struct err err = {0};
    value_set_str(body, "op", op);
    rpc_flow_number(&call->flow, body);
    int rc = publish(call->calls, call->node, call->id, body, raw, raw_len, ret_id, &err);
    if (rc < 0)
        return rc;
    rpc_flow_sent(&call->flow, raw_len);
    call->said = loop_now(call->calls->spec.loop);
    return 0;
}

static void answer_late(void *ctx)
{
    struct call *call = ctx;
    autofree char *message = xasprintf("node %s does not answer", call->node);
    finish(call, 504, message);
}

static struct call *call_new(struct calls *calls, const char *node, const char *method,
                             const struct value *args)
{
    struct call *call = xcalloc(1, sizeof(*call));
    uint8_t id[16];
    rng_fill(calls->spec.rng, id, sizeof(id));
    hex_encode(id, sizeof(id), call->id);
    call->calls = calls;
    snprintf(call->node, sizeof(call->node), "%s", node);
    call->answer = loop_timer_new(calls->spec.loop, answer_late, call);
    call->open = value_new_map();
    value_set_str(call->open, "op", "open");
    value_set_str(call->open, "method", method);
    value_set(call->open, "args", value_copy(args));
    value_set_int(call->open, "credit", RPC_CREDIT);
    rpc_flow_init(&call->flow, RPC_CREDIT);
    rpc_flow_open(&call->flow);
    call->heard = call->said = loop_now(calls->spec.loop);
    return call;
}

int call_open(struct calls *calls, const char *node, const char *method, const struct value *args,
              const struct call_handler *handler, void *ctx, struct call **ret, struct err *err)
{
    if (map_len(calls->open) >= CALLS_MAX)
        return err_set(err, -EBUSY, "too many streams to nodes");
    struct call *call = call_new(calls, node, method, args);
    call->handler = *handler;
    call->ctx = ctx;
    int rc = send_down(call, call->open, err);
    if (rc < 0) {
        call_free(call);
        return rc;
    }
    loop_timer_after(call->answer, ANSWER_NS);
    if (!loop_timer_armed(calls->tick))
        loop_timer_after(calls->tick, TICK_NS);
    (void)map_put(calls->open, call->id, call);
    *ret = call;
    return 0;
}

static bool say_eofs(struct call *call)
{
    for (unsigned channel = 0; call->eofs; channel++) {
        cleanup(value_free) struct value *body = value_new_map();
        if (!(call->eofs & 1U << channel))
            continue;
        value_set_int(body, "ch", channel);
        if (say(call, "eof", body, NULL, 0, NULL) < 0)
            return false;
        call->eofs &= ~(1U << channel);
    }
    return true;
}

static void say_credit(struct call *call, size_t bytes)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_int(body, "bytes", (int64_t)bytes);
    if (say(call, "credit", body, NULL, 0, NULL) == 0)
        rpc_flow_granted(&call->flow, bytes);
}

/* What is to be said beside data; what the bus does not take now goes with the next
 * acknowledgement. */
static void flush(struct call *call)
{
    size_t due = rpc_flow_due(&call->flow);
    if (call->answered && (!call->eofs || say_eofs(call)) && due > 0)
        say_credit(call, due);
}

void call_took(struct call *call, size_t bytes)
{
    rpc_flow_took(&call->flow, bytes);
    flush(call);
}

void call_eof(struct call *call, unsigned channel)
{
    call->eofs |= 1U << channel;
    flush(call);
}

/* One piece; 0: not now. */
static size_t send_piece(struct call *call, unsigned channel, const void *data, size_t len,
                         bool whole)
{
    struct calls *calls = call->calls;
    size_t want = len < call->flow.credit ? len : call->flow.credit;
    if (want == 0 || (whole && want < len))
        return 0; /* credit brings us back */
    size_t room = rpc_window_room(&calls->window, &call->turn, want);
    if (room == 0)
        return 0;
    if (whole)
        room = len;
    cleanup(value_free) struct value *body = value_new_map();
    uint32_t id = 0;
    value_set_int(body, "ch", channel);
    if (say(call, "data", body, data, room, &id) < 0) {
        rpc_window_wait(&calls->window, &call->turn);
        return 0;
    }
    rpc_window_sent(&calls->window, &call->turn, id, room, call->said);
    return room;
}

size_t call_send(struct call *call, unsigned channel, const void *data, size_t len, bool whole)
{
    size_t done = 0;
    while (done < len) {
        size_t taken = send_piece(call, channel, (const char *)data + done, len - done, whole);
        if (taken == 0)
            break;
        done += taken;
    }
    call->wants = done < len;
    return done;
}

static void close_at(struct calls *calls, const char *node, const char *id)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", "close");
    struct err err = {0};
    (void)publish(calls, node, id, body, NULL, 0, NULL, &err);
}

void call_close(struct call *call)
{
    close_at(call->calls, call->node, call->id);
    (void)map_del(call->calls->open, call->id);
    call_free(call);
}

static void tell_room(struct call *call)
{
    if (!call->wants)
        return;
    call->wants = false;
    call->handler.room(call->ctx);
}

static void pump(struct calls *calls)
{
    struct rpc_turn *turn;
    void *p;
    calls->full = false;
    for (size_t i = 0; !calls->full && map_next(calls->open, &i, NULL, &p);)
        flush(p);
    while (!calls->full && (turn = rpc_window_next(&calls->window)))
        tell_room(container_of(turn, struct call, turn));
    rpc_window_rest(&calls->window);
}

void calls_acked(struct calls *calls, uint32_t id)
{
    bool ours = rpc_window_acked(&calls->window, id, loop_now(calls->spec.loop));
    if (ours || calls->full)
        pump(calls);
}

/* Which node says nothing any more is gone; to which we have said nothing for a while hears that we
 * are there. */
static void tick(void *ctx)
{
    struct calls *calls = ctx;
    int64_t now = loop_now(calls->spec.loop);
    void *p;
    for (size_t i = 0; map_next(calls->open, &i, NULL, &p);) {
        struct call *call = p;
        if (now - call->heard > RPC_SILENCE_S * NS_PER_S) {
            close_at(calls, call->node, call->id);
            answer_late(call);
        } else if (call->answered && now - call->said > RPC_IDLE_S * NS_PER_S && !call->eofs) {
            say_credit(call, call->flow.taken);
        }
    }
    if (map_len(calls->open) > 0)
        loop_timer_after(calls->tick, TICK_NS);
}

/* Receiving. */

static void got_hint(struct peer *peer, struct call *call, const void *payload, size_t len)
{
    bool moved = false;
    struct err err = {0};
    /* Not moved: the hint on another request came before; this one was refused all the same. */
    if (envelope_hint_apply(&peer->hint, payload, len, &peer->down, &moved, &err) < 0 ||
        call->answered || ++call->hints > HINTS_MAX)
        return;
    if (send_down(call, call->open, &err) < 0)
        finish(call, 503, err.msg);
}

static void got_end(struct call *call, const struct value *body)
{
    int64_t code = value_get_int(body, "code", 0), exit_code = value_get_int(body, "exit", 0);
    const char *message = value_get_str(body, "message");
    bool sane = (code == 0 || (code >= 400 && code < 600)) && exit_code >= 0 && exit_code < 256;
    finish_as(call, &(struct call_end){.code = sane ? (int)code : 502,
                                       .exit_code = sane ? (int)exit_code : 0,
                                       .message = message ? message : ""});
}

static void got_credit(struct call *call)
{
    if (call->flow.credit > 0 && !call->turn.link.next)
        tell_room(call);
}

static void got_data(struct call *call, unsigned channel, const struct envelope_got *got)
{
    if (channel < RPC_CHANNELS)
        call->handler.data(call->ctx, channel, got->raw, got->raw_len);
    else
        call_took(call, got->raw_len);
}

static void got_body(struct call *call, const struct envelope_got *got)
{
    const char *op = value_get_str(got->body, "op");
    unsigned channel = (unsigned)value_get_int(got->body, "ch", RPC_STDOUT);
    struct err err = {0};
    call->answered = true;
    call->heard = loop_now(call->calls->spec.loop);
    loop_timer_stop(call->answer);
    if (rpc_flow_read(&call->flow, got->body, got->raw_len, &err) < 0) {
        log_warn("a stream of a node is cut off: node=%s error=%s", call->node, log_quote(err.msg));
        close_at(call->calls, call->node, call->id);
        finish(call, 502, err.msg);
    } else if (str_eq(op, "data")) {
        got_data(call, channel, got);
    } else if (str_eq(op, "credit")) {
        got_credit(call);
    } else if (str_eq(op, "opened")) {
        if (call->handler.opened)
            call->handler.opened(call->ctx);
    } else if (str_eq(op, "eof")) {
        if (call->handler.eof && channel < RPC_CHANNELS)
            call->handler.eof(call->ctx, channel);
    } else if (str_eq(op, "end")) {
        got_end(call, got->body);
    }
}

/* The node has seen higher counters than ours: what answers it next time is above them. */
static void got_stray_hint(struct peer *peer, const void *payload, size_t len)
{
    struct err err = {0};
    bool moved = false;
    if (envelope_hint_apply(&peer->hint, payload, len, &peer->down, &moved, &err) < 0)
        log_debug("message of a node refused: error=%s", log_quote(err.msg));
}

/* A question; or of a call that we do not know (any more): the node need not go on. */
static void got_stray(struct calls *calls, struct peer *peer, const char *node, const char *id,
                      const char *channel, const void *payload, size_t len)
{
    cleanup(envelope_got_done) struct envelope_got got = {0};
    struct err err = {0};
    int rc = envelope_read(&peer->up, channel, payload, len, &got, &err);
    const char *op = value_get_str(got.body, "op");
    if (rc < 0)
        got_stray_hint(peer, payload, len);
    else if (str_eq(op, "ask") && calls->spec.ask)
        calls->spec.ask(calls->spec.ctx, node, id, got.body);
    else if (!str_eq(op, "end"))
        close_at(calls, node, id);
}

int calls_answer(struct calls *calls, const char *node, const char *id, struct value *body,
                 const void *raw, size_t len, struct err *err)
{
    value_set_str(body, "op", "answer");
    return publish(calls, node, id, body, raw, len, NULL, err);
}

void calls_message(struct calls *calls, const char *node, const char *id, const void *payload,
                   size_t len)
{
    struct peer *peer = map_get(calls->peers, node);
    struct call *call = map_get(calls->open, id);
    if (!peer || (call && !str_eq(call->node, node)))
        return;
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    if (!call) {
        got_stray(calls, peer, node, id, channel, payload, len);
        return;
    }
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
