#include "controller/stream/streams_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/status.h"
#include "controller/server/reply.h"

#include <errno.h>

struct streams {
    struct loop *loop;
    const struct server_hooks *hooks;
    struct list open, buried;
    size_t count; /* of open */
    struct loop_defer *undertaker;
};

struct streams *streams_new(struct loop *loop, const struct server_hooks *hooks)
{
    struct streams *streams = xcalloc(1, sizeof(*streams));
    streams->loop = loop;
    streams->hooks = hooks;
    list_init(&streams->open);
    list_init(&streams->buried);
    return streams;
}

static void free_buried(void *ctx)
{
    struct streams *streams = ctx;
    struct list *it, *tmp;
    streams->undertaker = NULL;
    list_each(it, tmp, &streams->buried)
    {
        struct stream *stream = container_of(it, struct stream, link);
        list_remove(&stream->link);
        free(stream->user);
        stream->ops->free(stream);
    }
}

void streams_free(struct streams *streams)
{
    if (!streams)
        return;
    struct list *it, *tmp;
    list_each(it, tmp, &streams->open)
    {
        struct stream *stream = container_of(it, struct stream, link);
        stream->ops->stop(stream, status_failure(503, "the gateway is being stopped"));
    }
    loop_defer_free(streams->undertaker);
    free_buried(streams);
    free(streams);
}

/* ---- what each of them calls ---- */

void stream_begin(struct streams *streams, struct stream *stream, const struct stream_ops *ops,
                  const char *user, const struct handshake *handshake)
{
    stream->all = streams;
    stream->ops = ops;
    stream->user = xstrdup(user);
    stream->handshake = *handshake;
    list_append(&streams->open, &stream->link);
    streams->count++;
}

void stream_bury(struct stream *stream)
{
    struct streams *all = stream->all;
    if (stream->buried)
        return;
    stream->buried = true;
    list_remove(&stream->link);
    list_append(&all->buried, &stream->link);
    all->count--;
    if (!all->undertaker)
        all->undertaker = loop_defer(all->loop, free_buried, all);
}

struct loop *stream_loop(const struct stream *stream)
{
    return stream->all->loop;
}

int stream_dial(const struct stream *stream, const struct pod_dial *dial,
                const struct pod_session_handler *handler, void *ctx, struct pod_session **ret,
                struct err *err)
{
    static const struct {
        int error, code;
    } codes[] = {{0, 0}, {-EBUSY, 429}, {-ENOTCONN, 503}, {-ENOENT, 404}};
    const struct server_hooks *hooks = stream->all->hooks;
    if (!hooks->pod_dial) {
        (void)err_set(err, -ENOTCONN, "this gateway cannot reach its nodes");
        return 503;
    }
    int r = hooks->pod_dial(hooks->ctx, dial, handler, ctx, ret, err);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].error == r)
            return codes[i].code;
    return 500;
}

size_t stream_taken(size_t *unacked, size_t waiting)
{
    size_t left = *unacked < waiting ? *unacked : waiting, taken = *unacked - left;
    *unacked = left;
    return taken;
}

/* ---- from outside ---- */

size_t streams_count(const struct streams *streams)
{
    return streams->count;
}

static size_t count_of(const struct streams *streams, const char *user)
{
    size_t count = 0;
    struct list *it, *tmp;
    list_each(it, tmp, &streams->open) count +=
        str_eq(container_of(it, struct stream, link)->user, user);
    return count;
}

static bool has_room(const struct streams *streams, const char *user)
{
    return (streams->count < STREAMS_MAX && count_of(streams, user) < STREAMS_MAX_PER_USER) ||
           WEAKENED(STREAMS_CAP);
}

void streams_serve(void *ctx, struct http_request *request, const struct stream_ask *ask)
{
    struct streams *streams = ctx;
    struct handshake handshake;
    bool forward = str_eq(ask->dial.what, "portforward");
    struct value *status = handshake_read(request, forward, &handshake);
    if (!status && !has_room(streams, ask->user))
        status = status_failure(429, "too many streams are open: try again when some have ended");
    if (status)
        reply_status(request, status);
    else if (forward)
        forward_start(streams, request, ask, &handshake);
    else
        remote_start(streams, request, ask, &handshake);
}

size_t streams_revoke(struct streams *streams, const char *user)
{
    size_t count = 0;
    struct list *it, *tmp;
    list_each(it, tmp, &streams->open)
    {
        struct stream *stream = container_of(it, struct stream, link);
        if (!str_eq(stream->user, user) || WEAKENED(STREAMS_REVOKE))
            continue;
        stream->ops->stop(stream, status_failure(401, "Unauthorized"));
        count++;
    }
    return count;
}
