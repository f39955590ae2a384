#include "agent/link/streams.h"

#include "agent/logs/logs.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/rpc.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

/* Counters are written ahead in blocks, so that an agent that is killed never uses one twice. */
#define SEQ_BLOCK 4096

struct stream {
    struct streams *streams;
    char id[TOPIC_ID_MAX + 1];
    char *ns, *pod;
    struct logs *logs;
    int64_t credit;
    bool stalled; /* the bus took no more: an acknowledgement goes on with it */
    bool ending;  /* its last word, code and message, is still to be sent */
    int code;
    char *message;
    bool ended;
};

struct streams {
    struct streams_spec spec;
    char *node, *seq_file;
    struct envelope_line down, up, hint;
    uint64_t reserved; /* up counters below this are written down */
    struct map *open;  /* id -> struct stream */
    struct loop_defer *sweep;
};

struct method {
    const char *name;
    int (*open)(struct stream *stream, const struct value *args, struct err *err);
};

/* Counters. */

static void write_counters(struct streams *streams)
{
    cleanup(value_free) struct value *v = value_new_map();
    value_set_int(v, "down", (int64_t)streams->down.last);
    value_set_int(v, "up", (int64_t)streams->reserved);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write(v, &text);
    struct disk *disk = streams->spec.disk;
    struct err err = {0};
    if (disk->replace(disk, streams->seq_file, text.data, text.len, 0600, &err) < 0)
        log_warn("rpc counters not written: error=%s", log_quote(err.msg));
}

static void read_counters(struct streams *streams)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    cleanup(value_free) struct value *v = NULL;
    struct err err = {0};
    struct disk *disk = streams->spec.disk;
    if (disk->read(disk, streams->seq_file, 4096, &text, &err) < 0 ||
        json_parse(buf_str(&text), text.len, &v, &err) < 0)
        return;
    streams->down.last = (uint64_t)value_get_int(v, "down", 0);
    streams->up.last = (uint64_t)value_get_int(v, "up", 0);
    streams->reserved = streams->up.last;
}

/* Sending. */

static int publish(struct streams *streams, const char *id, const struct buf *payload)
{
    struct topic topic = {.type = TOPIC_RPC_UP};
    snprintf(topic.node, sizeof(topic.node), "%s", streams->node);
    snprintf(topic.id, sizeof(topic.id), "%s", id);
    char text[TOPIC_MAX + 1];
    struct err err = {0};
    int rc = topic_build(&topic, text, &err);
    const struct bus_msg msg = {.topic = text,
                                .payload = payload->data,
                                .len = payload->len,
                                .qos = 1,
                                .expiry_s = RPC_EXPIRY_S};
    return rc < 0 ? rc : streams->spec.bus->publish(streams->spec.bus, &msg, NULL, &err);
}

static int send_up(struct streams *streams, const char *id, const struct value *body,
                   const void *raw, size_t raw_len)
{
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    const struct envelope_msg msg = {
        .channel = channel,
        .time_ns = clock_wall(loop_clock(streams->spec.loop)),
        .body = body,
        .raw = raw,
        .raw_len = raw_len,
    };
    if (streams->up.last + 1 >= streams->reserved) {
        streams->reserved = streams->up.last + SEQ_BLOCK;
        write_counters(streams);
    }
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    struct err err = {0};
    int rc = envelope_write(&streams->up, &msg, &payload, &err);
    return rc < 0 ? rc : publish(streams, id, &payload);
}

static int send_data(struct stream *stream, const char *data, size_t len)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", "data");
    return send_up(stream->streams, stream->id, body, data, len);
}

static int send_end(struct streams *streams, const char *id, int code, const char *message)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "op", "end");
    value_set_int(body, "code", code);
    value_set_str(body, "message", message);
    return send_up(streams, id, body, NULL, 0);
}

/* Streams. */

static void stream_free(void *p)
{
    struct stream *stream = p;
    logs_free(stream->logs);
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

/* Freed after the batch: it may be its own reader that ends it. */
static void stream_end(struct stream *stream)
{
    struct streams *streams = stream->streams;
    stream->ended = true;
    if (!streams->sweep)
        streams->sweep = loop_defer(streams->spec.loop, sweep, streams);
}

/* Without its last word the reader would wait for ever. */
static void say_end(struct stream *stream)
{
    stream->stalled =
        send_end(stream->streams, stream->id, stream->code, stream->message) == -ENOBUFS;
    if (!stream->stalled)
        stream_end(stream);
}

static size_t log_data(void *ctx, const char *data, size_t len)
{
    struct stream *stream = ctx;
    size_t most = len < RPC_MAX_CHUNK ? len : RPC_MAX_CHUNK;
    if ((int64_t)most > stream->credit)
        most = stream->credit > 0 ? (size_t)stream->credit : 0;
    if (most == 0 || stream->ended)
        return 0;
    stream->stalled = send_data(stream, data, most) < 0;
    if (stream->stalled)
        return 0;
    stream->credit -= (int64_t)most;
    return most;
}

static void log_end(void *ctx, int code, const char *message)
{
    struct stream *stream = ctx;
    stream->ending = true;
    stream->code = code < 0 ? 500 : 0;
    stream->message = xstrdup(message);
    say_end(stream);
}

/* When lines of the log are wanted from; a number that goes back beyond all time is the beginning.
 */
static int64_t since_of(int64_t now_wall_ns, int64_t seconds)
{
    return seconds < now_wall_ns / NS_PER_S ? now_wall_ns - seconds * NS_PER_S : 0;
}

static int open_logs(struct stream *stream, const struct value *args, struct err *err)
{
    static const struct logs_sink sink = {log_data, log_end};
    struct streams *streams = stream->streams;
    cleanup(buf_done) struct buf path;
    buf_init(&path, 4096);
    const char *since = value_get_str(args, "sinceTime");
    struct logs_query query = {
        .tail_lines = value_get_int(args, "tailLines", -1),
        .limit_bytes = value_get_int(args, "limitBytes", 0),
        .follow = value_get_bool(args, "follow", false),
        .timestamps = value_get_bool(args, "timestamps", false),
    };
    if (since && clock_parse(since, &query.since_wall_ns) < 0)
        return err_set(err, -EINVAL, "sinceTime: not an RFC 3339 time");
    int64_t seconds = value_get_int(args, "sinceSeconds", -1);
    if (seconds >= 0)
        query.since_wall_ns = since_of(clock_wall(loop_clock(streams->spec.loop)), seconds);
    int rc = agent_log_path(streams->spec.agent, stream->ns, stream->pod,
                            value_get_str(args, "container"),
                            value_get_bool(args, "previous", false), query.follow, &path, err);
    if (rc < 0)
        return rc;
    return logs_open(streams->spec.loop, buf_str(&path), &query, &sink, stream, &stream->logs, err);
}

static int open_why(struct stream *stream, const struct value *args, struct err *err)
{
    (void)args;
    struct streams *streams = stream->streams;
    cleanup(buf_done) struct buf text;
    buf_init(&text, RPC_MAX_CHUNK);
    if (agent_why(streams->spec.agent, stream->ns, stream->pod, &text) < 0)
        return err_set(err, -ENOENT, "pod %s/%s is not on this node", stream->ns, stream->pod);
    if (send_data(stream, buf_str(&text), text.len) < 0)
        return err_set(err, -EBUSY, "the node's connection is busy, try again");
    stream->ending = true;
    stream->message = xstrdup("");
    say_end(stream);
    return 0;
}

static int open_resync(struct stream *stream, const struct value *args, struct err *err)
{
    (void)args;
    (void)err;
    struct streams *streams = stream->streams;
    streams->spec.resync(streams->spec.ctx);
    send_end(streams, stream->id, 0, "");
    stream_end(stream);
    return 0;
}

static const struct method methods[] = {
    {"logs", open_logs},
    {"why", open_why},
    {"resync", open_resync},
};

static const struct method *find_method(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(methods[i].name, name))
            return &methods[i];
    return NULL;
}

static int http_code(int rc)
{
    static const struct {
        int rc, code;
    } codes[] = {{-ENOENT, 404}, {-EINVAL, 400}, {-EBUSY, 429}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].rc == rc)
            return codes[i].code;
    return 500;
}

static int open_stream(struct streams *streams, const char *id, const struct value *body,
                       struct err *err)
{
    const struct value *args = value_get(body, "args");
    const struct method *method = find_method(value_get_str(body, "method"));
    const char *ns = value_get_str(args, "namespace"), *pod = value_get_str(args, "pod");
    if (!method || !ns || !pod)
        return err_set(err, -EINVAL, "method or arguments not known to this node");
    if (map_len(streams->open) >= RPC_MAX_STREAMS)
        return err_set(err, -EBUSY, "too many streams on this node");
    if (map_get(streams->open, id))
        return err_set(err, -EINVAL, "stream %s is open already", id);
    struct stream *stream = xcalloc(1, sizeof(*stream));
    stream->streams = streams;
    snprintf(stream->id, sizeof(stream->id), "%s", id);
    stream->ns = xstrdup(ns);
    stream->pod = xstrdup(pod);
    stream->credit = value_get_int(body, "credit", 0);
    (void)map_put(streams->open, id, stream);
    int rc = method->open(stream, args, err);
    if (rc < 0) {
        (void)map_del(streams->open, id);
        stream_free(stream);
    }
    return rc;
}

static void handle(struct streams *streams, const char *id, const struct value *body)
{
    const char *op = value_get_str(body, "op");
    struct stream *stream = map_get(streams->open, id);
    struct err err = {0};
    if (str_eq(op, "open")) {
        int rc = open_stream(streams, id, body, &err);
        if (rc < 0)
            (void)send_end(streams, id, http_code(rc), err.msg);
    } else if (!stream || stream->ended) {
        return; /* it ended meanwhile */
    } else if (str_eq(op, "credit")) {
        int64_t bytes = value_get_int(body, "bytes", 0);
        if (bytes > 0 && bytes <= INT64_C(1) << 30 && stream->credit < INT64_C(1) << 40)
            stream->credit += bytes;
        if (stream->logs)
            logs_resume(stream->logs);
    } else if (str_eq(op, "close")) {
        stream_end(stream);
    }
}

/* The controller lost its counters: tell it where we are. */
static void send_hint(struct streams *streams, const char *id)
{
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    struct err err = {0};
    int64_t now = clock_wall(loop_clock(streams->spec.loop));
    if (envelope_hint_write(&streams->hint, &streams->down, now, &payload, &err) == 0)
        (void)publish(streams, id, &payload);
}

void streams_message(struct streams *streams, const char *id, const void *payload, size_t len)
{
    autofree char *channel = xasprintf("%s/%s", RPC_CLASS, id);
    cleanup(envelope_got_done) struct envelope_got got = {0};
    struct err err = {0};
    int rc = envelope_read(&streams->down, channel, payload, len, &got, &err);
    if (rc == -ESTALE)
        send_hint(streams, id);
    if (rc < 0) {
        log_warn("rpc refused: id=%s error=%s", log_quote(id), log_quote(err.msg));
        return;
    }
    write_counters(streams);
    handle(streams, id, got.body);
}

void streams_reset(struct streams *streams)
{
    void *p;
    for (size_t i = 0; map_next(streams->open, &i, NULL, &p);)
        stream_end(p);
}

void streams_resume(struct streams *streams)
{
    void *p;
    for (size_t i = 0; map_next(streams->open, &i, NULL, &p);) {
        struct stream *stream = p;
        if (!stream->stalled || stream->ended)
            continue;
        if (stream->ending)
            say_end(stream);
        else
            logs_resume(stream->logs);
    }
}

void streams_pod_gone(struct streams *streams, const char *ns, const char *name)
{
    void *p;
    for (size_t i = 0; map_next(streams->open, &i, NULL, &p);) {
        struct stream *stream = p;
        if (stream->logs && str_eq(stream->ns, ns) && str_eq(stream->pod, name))
            logs_finish(stream->logs);
    }
}

int streams_new(const struct streams_spec *spec, struct streams **ret, struct err *err)
{
    struct streams *streams = xcalloc(1, sizeof(*streams));
    streams->spec = *spec;
    streams->spec.link = NULL;
    streams->node = xstrdup(spec->node);
    streams->seq_file = xstrdup(spec->seq_file);
    streams->open = map_new();
    int rc = envelope_line_init(&streams->down, spec->link, ENVELOPE_DOWN, RPC_CLASS, err);
    if (rc == 0)
        rc = envelope_line_init(&streams->up, spec->link, ENVELOPE_UP, RPC_CLASS, err);
    if (rc == 0)
        rc = envelope_line_init(&streams->hint, spec->link, ENVELOPE_UP, "hint", err);
    if (rc < 0) {
        streams_free(streams);
        return rc;
    }
    read_counters(streams);
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
    envelope_line_done(&streams->down);
    envelope_line_done(&streams->up);
    envelope_line_done(&streams->hint);
    free(streams->node);
    free(streams->seq_file);
    free(streams);
}
