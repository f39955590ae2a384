/* Answers without an end: what waits for a client, and what its writer is told of it. */

#include "controller/http/http_impl.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define LOW_WATER (HTTP_MAX_PENDING / 4)
#define COMPACT ((size_t)64 * 1024) /* of what is taken: before it is moved out of the way */

struct http_stream *http_stream_new(struct http *http, const struct http_stream_handler *handler,
                                    void *ctx)
{
    struct http_stream *stream = xcalloc(1, sizeof(*stream));
    stream->http = http;
    stream->handler = *handler;
    stream->ctx = ctx;
    buf_init(&stream->out, 2 * HTTP_MAX_PENDING);
    return stream;
}

void http_stream_free(struct http_stream *stream)
{
    if (!stream)
        return;
    stream->http->stream_bytes -= stream->out.len - stream->head;
    loop_defer_free(stream->notice);
    buf_done(&stream->out);
    free(stream);
}

static void on_notice(void *ctx)
{
    struct http_request *request = ctx;
    struct http_stream *stream = request->stream;
    stream->notice = NULL;
    if (request->answered)
        return;
    if (!request->mhd || request->cut) {
        request->answered = true;
        stream->handler.gone(stream->ctx, request);
        http_release(request);
        return;
    }
    stream->full = false;
    if (stream->handler.drained)
        stream->handler.drained(stream->ctx, request);
}

static void notice_soon(struct http_request *request)
{
    struct http_stream *stream = request->stream;
    if (!stream->notice && !request->answered)
        stream->notice = loop_defer(request->http->loop, on_notice, request);
}

void http_stream_left(struct http_request *request)
{
    if (request->stream)
        notice_soon(request);
}

static void cut(struct http_request *request)
{
    request->cut = true;
    notice_soon(request);
    http_resume(request);
}

/* libmicrohttpd does not look at a suspended connection, so we do. */
static void on_hangup(void *ctx, int fd, uint32_t events)
{
    struct http_conn *conn = ctx;
    struct http_request *request = conn->current;
    (void)fd;
    (void)events;
    loop_io_free(steal(conn->hangup));
    if (request && request->stream)
        cut(request);
}

void http_cut_streams(struct http *http, http_chosen_fn *fn, void *ctx)
{
    struct list *it, *tmp;
    list_each(it, tmp, &http->requests)
    {
        struct http_request *request = container_of(it, struct http_request, link);
        if (!request->stream || !request->conn || request->answered || !fn(ctx, request))
            continue;
        shutdown(request->conn->fd, SHUT_RDWR); /* a client that does not read holds nothing up */
        cut(request);
    }
}

void http_stream_watch(struct http_request *request)
{
    struct http_conn *conn = request->conn;
    struct err err = {0};
    if (!conn) {
        notice_soon(request);
        return;
    }
    loop_timer_stop(conn->deadline);
    if (loop_io_new(request->http->loop, conn->fd, EPOLLRDHUP, on_hangup, conn, &conn->hangup,
                    &err) != 0)
        conn->hangup = NULL; /* then the next write finds out */
}

size_t http_stream_take(struct http_request *request, void *data, size_t max)
{
    struct http_stream *stream = request->stream;
    size_t have = stream->out.len - stream->head, n = have < max ? have : max;
    if (n == 0)
        return 0;
    memcpy(data, stream->out.data + stream->head, n);
    stream->head += n;
    stream->http->stream_bytes -= n;
    if (stream->head == stream->out.len) {
        buf_done(&stream->out); /* a thousand quiet watches hold nothing */
        stream->head = 0;
    } else if (stream->head >= COMPACT && stream->head >= stream->out.len / 2) {
        buf_drop(&stream->out, stream->head);
        stream->head = 0;
    }
    if (stream->full && have - n <= LOW_WATER)
        notice_soon(request);
    return n;
}

int http_stream_write(struct http_request *request, const void *data, size_t len)
{
    struct http_stream *stream = request->stream;
    size_t held = http_stream_pending(request);
    size_t all = stream->http->stream_bytes;
    /* One chunk may always be held, however big; and some by each, whatever the others hold. */
    bool over = held > 0 && held + len > HTTP_MAX_PENDING;
    bool unfair = held > 0 && held + len > HTTP_FAIR_STREAM && all + len > HTTP_MAX_STREAMS &&
                  !WEAKENED(HTTP_STREAMS_CAP);
    over = over || unfair;
    if ((over && !WEAKENED(HTTP_STREAM_CAP)) || buf_add(&stream->out, data, len) != 0) {
        stream->full = true; /* drained tells when to try again */
        return -ENOBUFS;
    }
    stream->http->stream_bytes += len;
    if (held + len > LOW_WATER)
        stream->full = true;
    if (request->mhd)
        http_resume(request);
    return 0;
}

size_t http_stream_pending(const struct http_request *request)
{
    return request->stream->out.len - request->stream->head;
}

size_t http_stream_room(struct http_request *request)
{
    struct http_stream *stream = request->stream;
    bool crowded = stream->http->stream_bytes > HTTP_MAX_STREAMS / 2;
    size_t held = http_stream_pending(request);
    size_t most = crowded ? 1 : LOW_WATER; /* one chunk may always be held */
    if (held < most)
        return most - held;
    stream->full = true;
    return 0;
}

static void conclude(struct http_request *request)
{
    loop_defer_free(steal(request->stream->notice));
    request->answered = true;
    if (request->mhd)
        http_resume(request);
    http_release(request);
}

void http_stream_end(struct http_request *request)
{
    request->stream->ended = true;
    conclude(request);
}

void http_stream_abort(struct http_request *request)
{
    request->stream->aborted = true;
    conclude(request);
}
