/* "logs": a container's log, from where it is wanted, and on as it grows. */

#include "agent/link/methods.h"
#include "agent/logs/logs.h"
#include "common/base/clock.h"

#include <errno.h>

static size_t log_data(void *ctx, const char *data, size_t len)
{
    size_t room = stream_room(ctx);
    return room == 0 ? 0 : stream_send(ctx, RPC_STDOUT, data, len < room ? len : room);
}

static void log_end(void *ctx, int code, const char *message)
{
    stream_end(ctx, code < 0 ? 500 : 0, 0, message);
}

/* When lines of the log are wanted from; a number that goes back beyond all time is the beginning.
 */
static int64_t since_of(int64_t now_wall_ns, int64_t seconds)
{
    return seconds < now_wall_ns / NS_PER_S ? now_wall_ns - seconds * NS_PER_S : 0;
}

static int logs_begin(struct stream *stream, const struct value *args, struct err *err)
{
    static const struct logs_sink sink = {log_data, log_end};
    const struct stream_node *node = stream_node(stream);
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
        query.since_wall_ns = since_of(clock_wall(loop_clock(node->loop)), seconds);
    int rc = agent_log_path(node->agent, stream_ns(stream), stream_pod(stream),
                            value_get_str(args, "container"),
                            value_get_bool(args, "previous", false), query.follow, &path, err);
    struct logs *logs;
    if (rc == 0)
        rc = logs_open(node->loop, buf_str(&path), &query, &sink, stream, &logs, err);
    if (rc == 0)
        stream_set_state(stream, logs);
    return rc;
}

static void logs_ready(struct stream *stream)
{
    logs_resume(stream_state(stream));
}

static void logs_pod_gone(struct stream *stream)
{
    logs_finish(stream_state(stream));
}

static void logs_close(struct stream *stream)
{
    logs_free(stream_state(stream));
}

const struct stream_method method_logs = {.name = "logs",
                                          .open = logs_begin,
                                          .ready = logs_ready,
                                          .pod_gone = logs_pod_gone,
                                          .close = logs_close};
