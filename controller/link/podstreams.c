#include "controller/link/podstreams.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/link/podsessions.h"

#include <errno.h>
#include <stdlib.h>

struct podstreams {
    struct hub *hub;
    struct podsessions *sessions;
    struct list streams;
};

struct stream {
    struct list link;
    struct call *call;     /* NULL once it has ended */
    struct pod_sink *sink; /* NULL once the client has left */
    struct buf waiting; /* taken from the node, not yet by the client: at most what credit allows */
    int code;
    char *message;
};

struct podstreams *podstreams_new(struct hub *hub)
{
    struct podstreams *podstreams = xcalloc(1, sizeof(*podstreams));
    podstreams->hub = hub;
    podstreams->sessions = podsessions_new(hub);
    list_init(&podstreams->streams);
    return podstreams;
}

static void stream_free(struct stream *stream)
{
    if (stream->call)
        call_close(stream->call);
    list_remove(&stream->link);
    buf_done(&stream->waiting);
    free(stream->message);
    free(stream);
}

void podstreams_free(struct podstreams *podstreams)
{
    if (!podstreams)
        return;
    struct list *it, *tmp;
    list_each(it, tmp, &podstreams->streams) stream_free(container_of(it, struct stream, link));
    podsessions_free(podstreams->sessions);
    free(podstreams);
}

/* Hands over what waits; ends the answer when the node has said its last word and all of it is
 * taken. */
static void flush(struct stream *stream)
{
    if (stream->waiting.len > 0) {
        if (pod_sink_write(stream->sink, stream->waiting.data, stream->waiting.len) < 0)
            return; /* drained brings us back */
        size_t taken = stream->waiting.len;
        buf_drop(&stream->waiting, taken);
        if (stream->call)
            call_took(stream->call, taken);
    }
    if (stream->call)
        return;
    if (stream->code)
        pod_sink_fail(stream->sink, stream->code, stream->message);
    else
        pod_sink_end(stream->sink);
    stream_free(stream);
}

static void call_data(void *ctx, unsigned channel, const void *data, size_t len)
{
    (void)channel;
    struct stream *stream = ctx;
    (void)buf_add(&stream->waiting, data, len);
    flush(stream);
}

static void call_ended(void *ctx, const struct call_end *end)
{
    struct stream *stream = ctx;
    stream->call = NULL;
    stream->code = end->code;
    stream->message = xstrdup(end->message);
    flush(stream);
}

static void client_gone(void *ctx)
{
    stream_free(ctx);
}

static void client_drained(void *ctx)
{
    flush(ctx);
}

static struct value *args_of(const struct pod_query *query)
{
    struct value *args = value_new_map();
    if (!str_eq(query->what, "logs"))
        return args;
    if (!str_empty(query->container))
        value_set_str(args, "container", query->container);
    value_set_bool(args, "follow", query->follow);
    value_set_bool(args, "previous", query->previous);
    value_set_bool(args, "timestamps", query->timestamps);
    if (query->tail_lines >= 0)
        value_set_int(args, "tailLines", query->tail_lines);
    if (query->limit_bytes >= 0)
        value_set_int(args, "limitBytes", query->limit_bytes);
    if (!str_empty(query->since_time))
        value_set_str(args, "sinceTime", query->since_time);
    if (query->since_s >= 0)
        value_set_int(args, "sinceSeconds", query->since_s);
    return args;
}

static const struct call_handler calls = {.data = call_data, .end = call_ended};

static struct stream *stream_new(struct podstreams *podstreams, struct pod_sink *sink)
{
    static const struct pod_sink_handler client = {client_gone, client_drained};
    struct stream *stream = xcalloc(1, sizeof(*stream));
    stream->sink = sink;
    buf_init(&stream->waiting, 0);
    list_append(&podstreams->streams, &stream->link);
    pod_sink_set_handler(sink, &client, stream);
    return stream;
}

static void refuse(struct stream *stream, int rc, const struct err *err)
{
    pod_sink_fail(stream->sink, -rc, err->msg);
    stream_free(stream);
}

void podstreams_open(void *ctx, const struct pod_query *query, struct pod_sink *sink)
{
    struct podstreams *podstreams = ctx;
    struct stream *stream = stream_new(podstreams, sink);
    cleanup(value_free) struct value *args = args_of(query);
    struct err err = {0};
    int rc = hub_call_pod(podstreams->hub, query->ns, query->pod, query->what, args, &calls, stream,
                          &stream->call, &err);
    if (rc < 0)
        refuse(stream, rc, &err);
}

void podstreams_pull(void *ctx, const struct node_pull *pull, struct pod_sink *sink)
{
    struct podstreams *podstreams = ctx;
    struct stream *stream = stream_new(podstreams, sink);
    cleanup(value_free) struct value *args = value_new_map();
    struct err err = {0};
    value_set(args, "images", value_copy(pull->images));
    int rc = hub_call_node(podstreams->hub, pull->node, pull->order ? "pull" : "pulls", args,
                           &calls, stream, &stream->call, &err);
    if (rc < 0)
        refuse(stream, rc, &err);
}

int podstreams_dial(void *ctx, const struct pod_dial *dial,
                    const struct pod_session_handler *handler, void *handler_ctx,
                    struct pod_session **ret, struct err *err)
{
    struct podstreams *podstreams = ctx;
    return podsessions_dial(podstreams->sessions, dial, handler, handler_ctx, ret, err);
}
