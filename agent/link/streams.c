#include "agent/link/streams.h"

#include "agent/link/methods.h"
#include "agent/link/rpcline.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/rpc_flow.h"
#include "common/bus/rpc_window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_NS (5 * NS_PER_S)

struct stream {
    struct streams *streams;
    const struct stream_method *method;
    void *state;
    char id[TOPIC_ID_MAX + 1];
    char *ns, *pod;
    struct rpc_flow flow;
    struct rpc_turn turn;
    bool starved;        /* wants credit to send */
    bool opened;         /* the method has said so */
    bool opening;        /* "opened" is still to be said */
    unsigned eofs;       /* channels whose end is still to be said, bits */
    bool ending;         /* its last word is still to be said; nothing else follows */
    bool ended;          /* swept soon */
    int64_t heard, said; /* boot ns */
    int code, exit_code;
    char *message;
};

struct streams {
    struct streams_spec spec;
    char *node_id;
    struct rpcline *line;
    struct rpc_window window;
    struct map *open; /* id -> struct stream */
    struct loop_defer *sweep;
    struct loop_timer *tick;
    bool full; /* the bus took no more: an acknowledgement goes on */
};

/* Sending. */

static int64_t now_of(const struct streams *streams)
{
    return loop_now(streams->spec.node.loop);
}

static int publish(struct streams *streams, const char *id, const struct buf *payload,
                   uint32_t *ret_id)
{
    struct topic topic = {.type = TOPIC_RPC_UP};
    snprintf(topic.node, sizeof(topic.node), "%s", streams->node_id);
    snprintf(topic.id, sizeof(topic.id), "%s", id);
    char text[TOPIC_MAX + 1];
    struct err err = {0};
    int rc = topic_build(&topic, text, &err);
    const struct bus_msg msg = {.topic = text,
                                .payload = payload->data,
                                .len = payload->len,
                                .qos = 1,
                                .expiry_s = RPC_EXPIRY_S};
    if (rc == 0)
        rc = streams->spec.bus->publish(streams->spec.bus, &msg, ret_id, &err);
    if (rc == -ENOBUFS)
        streams->full = true;
    return rc;
}

static int send_up(struct streams *streams, const char *id, const struct value *body,
                   const void *raw, size_t raw_len, uint32_t *ret_id)
{
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    const struct envelope_msg msg = {
        .channel = channel,
        .time_ns = clock_wall(loop_clock(streams->spec.node.loop)),
        .body = body,
        .raw = raw,
        .raw_len = raw_len,
    };
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    struct err err = {0};
    int rc = rpcline_write(streams->line, &msg, &payload, &err);
    return rc < 0 ? rc : publish(streams, id, &payload, ret_id);
}

/* A message of the stream's own: body is filled but for its number. */
static int say(struct stream *stream, const char *op, struct value *body, const void *raw,
               size_t raw_len, uint32_t *ret_id)
{
    struct streams *streams = stream->streams;
    value_set_str(body, "op", op);
    rpc_flow_number(&stream->flow, body);
    int rc = send_up(streams, stream->id, body, raw, raw_len, ret_id);
    if (rc < 0)
        return rc;
    rpc_flow_sent(&stream->flow, raw_len);
    stream->said = now_of(streams);
    return 0;
}

static bool say_opened(struct stream *stream)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_int(body, "credit", RPC_NODE_CREDIT);
    stream->opening = say(stream, "opened", body, NULL, 0, NULL) < 0;
    return !stream->opening;
}

static bool say_eofs(struct stream *stream)
{
    for (unsigned channel = 0; stream->eofs; channel++) {
        cleanup(value_free) struct value *body = value_new_map();
        if (!(stream->eofs & 1U << channel))
            continue;
        value_set_int(body, "ch", channel);
        if (say(stream, "eof", body, NULL, 0, NULL) < 0)
            return false;
        stream->eofs &= ~(1U << channel);
    }
    return true;
}

static bool say_credit(struct stream *stream, size_t bytes)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_int(body, "bytes", (int64_t)bytes);
    if (say(stream, "credit", body, NULL, 0, NULL) < 0)
        return false;
    rpc_flow_granted(&stream->flow, bytes);
    return true;
}

static void finish(struct stream *stream);

static bool say_end(struct stream *stream)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_int(body, "code", stream->code);
    value_set_int(body, "exit", stream->exit_code);
    value_set_str(body, "message", stream->message);
    if (say(stream, "end", body, NULL, 0, NULL) == -ENOBUFS)
        return false;
    finish(stream);
    return true;
}

/* What is to be said beside data, in its order; what the bus does not take now goes with the next
 * acknowledgement. */
static bool flush(struct stream *stream)
{
    size_t due = rpc_flow_due(&stream->flow);
    if (stream->ended)
        return false;
    if ((stream->opening && !say_opened(stream)) || (stream->eofs && !say_eofs(stream)))
        return false;
    if (stream->ending)
        return say_end(stream);
    return due == 0 || say_credit(stream, due);
}

/* Streams. */

static void stream_free(void *p)
{
    struct stream *stream = p;
    rpc_window_leave(&stream->streams->window, &stream->turn);
    if (stream->state && stream->method->close)
        stream->method->close(stream);
    free(stream->message);
    free(stream->ns);
    free(stream->pod);
    free(stream);
}

static void sweep(void *ctx)
{
    struct streams *streams = ctx;
    streams->sweep = NULL;
    const char *id;
    void *p;
    for (size_t i = 0; map_next(streams->open, &i, &id, &p);) {
        if (!((struct stream *)p)->ended)
            continue;
        (void)map_del(streams->open, id);
        stream_free(p);
    }
}

/* Freed after the batch: it may be its own method that ends it. */
static void finish(struct stream *stream)
{
    struct streams *streams = stream->streams;
    stream->ended = true;
    rpc_window_leave(&streams->window, &stream->turn);
    if (!streams->sweep)
        streams->sweep = loop_defer(streams->spec.node.loop, sweep, streams);
}

const struct stream_node *stream_node(const struct stream *stream)
{
    return &stream->streams->spec.node;
}

const char *stream_ns(const struct stream *stream)
{
    return stream->ns;
}

const char *stream_pod(const struct stream *stream)
{
    return stream->pod;
}

void stream_set_state(struct stream *stream, void *state)
{
    stream->state = state;
}

void *stream_state(const struct stream *stream)
{
    return stream->state;
}

void stream_opened(struct stream *stream)
{
    rpc_flow_open(&stream->flow);
    stream->opened = stream->opening = true;
    (void)flush(stream);
    if (!stream->ended && stream->method->ready)
        stream->method->ready(stream);
}

size_t stream_room(struct stream *stream)
{
    if (stream->ended || stream->ending || (stream->method->opens && !stream->opened))
        return 0;
    if (stream->opening || stream->eofs) { /* first things first */
        rpc_window_wait(&stream->streams->window, &stream->turn);
        return 0;
    }
    stream->starved = stream->flow.credit == 0;
    if (stream->starved)
        return 0;
    return rpc_window_room(&stream->streams->window, &stream->turn, stream->flow.credit);
}

size_t stream_send(struct stream *stream, unsigned channel, const void *data, size_t len)
{
    struct streams *streams = stream->streams;
    cleanup(value_free) struct value *body = value_new_map();
    uint32_t id = 0;
    if (len == 0 || len > stream_room(stream))
        return 0;
    value_set_int(body, "ch", channel);
    if (say(stream, "data", body, data, len, &id) < 0) {
        rpc_window_wait(&streams->window, &stream->turn);
        return 0;
    }
    rpc_window_sent(&streams->window, &stream->turn, id, len, now_of(streams));
    return len;
}

void stream_eof(struct stream *stream, unsigned channel)
{
    stream->eofs |= 1U << channel;
    (void)flush(stream);
}

void stream_took(struct stream *stream, size_t bytes)
{
    rpc_flow_took(&stream->flow, bytes);
    (void)flush(stream);
}

void stream_end(struct stream *stream, int code, int exit_code, const char *message)
{
    if (stream->ending || stream->ended)
        return;
    stream->ending = true;
    stream->code = code;
    stream->exit_code = exit_code;
    stream->message = xstrdup(message);
    (void)flush(stream);
}

static int http_code(int rc)
{
    static const struct {
        int rc, code;
    } codes[] = {{-ENOENT, 404}, {-EINVAL, 400}, {-EBUSY, 429}, {-EOPNOTSUPP, 501}, {-ENOSPC, 507}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].rc == rc)
            return codes[i].code;
    return 500;
}

void stream_fail(struct stream *stream, int rc, const char *message)
{
    stream_end(stream, http_code(rc), 0, message);
}

/* Methods. */

static const struct stream_method *const methods[] = {
    &method_logs,        &method_why,   &method_resync,   &method_exec, &method_attach,
    &method_portforward, &method_usage, &method_manifest, &method_pull, &method_pulls};

static const struct stream_method *find_method(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(methods[i]->name, name))
            return methods[i];
    return NULL;
}

static struct stream *stream_new(struct streams *streams, const char *id,
                                 const struct stream_method *method, const struct value *body)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    const struct value *args = value_get(body, "args");
    int64_t credit = value_get_int(body, "credit", 0);
    stream->streams = streams;
    stream->method = method;
    snprintf(stream->id, sizeof(stream->id), "%s", id);
    stream->ns = xstrdup(value_get_str(args, "namespace"));
    stream->pod = xstrdup(value_get_str(args, "pod"));
    rpc_flow_init(&stream->flow, RPC_NODE_CREDIT);
    if (credit > 0 && credit <= RPC_CREDIT)
        stream->flow.credit = (size_t)credit;
    stream->heard = stream->said = now_of(streams);
    (void)map_put(streams->open, stream->id, stream);
    if (!loop_timer_armed(streams->tick))
        loop_timer_after(streams->tick, TICK_NS);
    return stream;
}

static void refuse(struct streams *streams, const char *id, int code, const char *message)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", "end");
    value_set_int(body, "n", 1);
    value_set_int(body, "code", code);
    value_set_str(body, "message", message);
    (void)send_up(streams, id, body, NULL, 0, NULL);
}

static int open_stream(struct streams *streams, const char *id, const struct value *body,
                       struct err *err)
{
    const struct value *args = value_get(body, "args");
    const struct stream_method *method = find_method(value_get_str(body, "method"));
    if (!method || !value_get_str(args, "namespace") || !value_get_str(args, "pod"))
        return err_set(err, -EINVAL, "method or arguments not known to this node");
    if (map_len(streams->open) >= RPC_MAX_STREAMS)
        return err_set(err, -EBUSY, "too many streams on this node");
    struct stream *stream = stream_new(streams, id, method, body);
    struct err why = {0};
    int rc = method->open(stream, args, &why);
    if (rc < 0)
        stream_fail(stream, rc, why.msg);
    return 0;
}

/* Receiving. */

static void got_data(struct stream *stream, unsigned channel, const struct envelope_got *got)
{
    if (!stream->method->data || channel >= RPC_CHANNELS) {
        rpc_flow_took(&stream->flow, got->raw_len);
        return;
    }
    stream->method->data(stream, channel, got->raw, got->raw_len);
}

static void got_credit(struct stream *stream)
{
    if (!stream->starved || stream->flow.credit == 0)
        return;
    stream->starved = false;
    if (stream->method->ready)
        stream->method->ready(stream);
}

/* A message of a stream that goes on. */
static void got_body(struct stream *stream, const struct envelope_got *got)
{
    const char *op = value_get_str(got->body, "op");
    unsigned channel = (unsigned)value_get_int(got->body, "ch", RPC_CHANNELS);
    struct err err = {0};
    if (str_eq(op, "close")) {
        finish(stream);
        return;
    }
    stream->heard = now_of(stream->streams);
    int rc = rpc_flow_read(&stream->flow, got->body, got->raw_len, &err);
    if (rc < 0)
        stream_end(stream, 502, 0, err.msg);
    else if (str_eq(op, "credit"))
        got_credit(stream);
    else if (stream->ending)
        return;
    else if (str_eq(op, "data"))
        got_data(stream, channel, got);
    else if (str_eq(op, "eof") && stream->method->eof)
        stream->method->eof(stream, channel);
}

static void handle(struct streams *streams, const char *id, const struct envelope_got *got)
{
    struct stream *stream = map_get(streams->open, id);
    struct err err = {0};
    if (stream) {
        if (!stream->ended)
            got_body(stream, got);
    } else if (str_eq(value_get_str(got->body, "op"), "open")) {
        rpcline_keep(streams->line); /* else it could be obeyed again by the next agent */
        int rc = open_stream(streams, id, got->body, &err);
        if (rc < 0)
            refuse(streams, id, http_code(rc), err.msg);
    } else if (streams->spec.other) {
        streams->spec.other(streams->spec.ctx, id, got);
    }
}

int streams_say(struct streams *streams, const char *id, const struct value *body)
{
    return send_up(streams, id, body, NULL, 0, NULL);
}

/* The controller lost its counters: tell it where we are. */
static void send_hint(struct streams *streams, const char *id)
{
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    struct err err = {0};
    int64_t now = clock_wall(loop_clock(streams->spec.node.loop));
    if (rpcline_hint(streams->line, now, &payload, &err) == 0)
        (void)publish(streams, id, &payload, NULL);
}

void streams_message(struct streams *streams, const char *id, const void *payload, size_t len)
{
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    cleanup(envelope_got_done) struct envelope_got got = {0};
    struct err err = {0};
    int rc = rpcline_read(streams->line, channel, payload, len, &got, &err);
    if (rc == -ESTALE)
        send_hint(streams, id);
    if (rc < 0) {
        log_warn("rpc refused: id=%s error=%s", log_quote(id), log_quote(err.msg));
        return;
    }
    handle(streams, id, &got);
}

void streams_reset(struct streams *streams)
{
    void *p;
    for (size_t i = 0; map_next(streams->open, &i, NULL, &p);)
        finish(p);
    rpc_window_reset(&streams->window);
    streams->full = false;
}

/* What was to be said first, then data in turns. */
static void pump(struct streams *streams)
{
    struct rpc_turn *turn;
    void *p;
    streams->full = false;
    for (size_t i = 0; !streams->full && map_next(streams->open, &i, NULL, &p);)
        (void)flush(p);
    while (!streams->full && (turn = rpc_window_next(&streams->window))) {
        struct stream *stream = container_of(turn, struct stream, turn);
        if (!stream->ended && stream->method->ready)
            stream->method->ready(stream);
    }
    rpc_window_rest(&streams->window);
}

void streams_acked(struct streams *streams, uint32_t id)
{
    bool ours = rpc_window_acked(&streams->window, id, now_of(streams));
    if (ours || streams->full)
        pump(streams);
}

/* Who has been silent for long is gone; who has said nothing for a while says that it is there. */
static void tick(void *ctx)
{
    struct streams *streams = ctx;
    int64_t now = now_of(streams);
    void *p;
    for (size_t i = 0; map_next(streams->open, &i, NULL, &p);) {
        struct stream *stream = p;
        if (stream->ended || stream->ending)
            continue;
        if (now - stream->heard > RPC_SILENCE_S * NS_PER_S)
            stream_end(stream, 504, 0, "the gateway does not answer");
        else if (now - stream->said > RPC_IDLE_S * NS_PER_S && !stream->opening && !stream->eofs)
            (void)say_credit(stream, rpc_flow_due(&stream->flow));
    }
    if (map_len(streams->open) > 0)
        loop_timer_after(streams->tick, TICK_NS);
}

void streams_pod_gone(struct streams *streams, const char *ns, const char *name)
{
    void *p;
    for (size_t i = 0; map_next(streams->open, &i, NULL, &p);) {
        struct stream *stream = p;
        if (stream->method->pod_gone && !stream->ended && !stream->ending &&
            str_eq(stream->ns, ns) && str_eq(stream->pod, name))
            stream->method->pod_gone(stream);
    }
}

int streams_new(const struct streams_spec *spec, struct streams **ret, struct err *err)
{
    struct streams *streams = xcalloc(1, sizeof(*streams));
    streams->spec = *spec;
    streams->spec.link = NULL;
    streams->node_id = xstrdup(spec->node_id);
    streams->open = map_new();
    streams->tick = loop_timer_new(spec->node.loop, tick, streams);
    rpc_window_init(&streams->window);
    int rc = rpcline_new(spec->link, spec->disk, spec->seq_file, &streams->line, err);
    if (rc < 0) {
        streams_free(streams);
        return rc;
    }
    *ret = streams;
    return 0;
}

void streams_free(struct streams *streams)
{
    if (!streams)
        return;
    map_free(streams->open, stream_free);
    if (streams->sweep)
        loop_defer_free(streams->sweep);
    loop_timer_free(streams->tick);
    rpcline_free(streams->line);
    free(streams->node_id);
    free(streams);
}
