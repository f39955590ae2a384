#include "agent/link/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void finish(struct drain *drain)
{
    void (*ended)(void *) = drain->ended;
    if (drain->half)
        (void)shutdown(drain->fd, SHUT_WR);
    drain_done(drain);
    if (ended)
        ended(drain->ctx);
}

/* Nobody reads any more: what comes is dropped, and the client not held up. */
static void give_up(struct drain *drain)
{
    size_t lost = drain->waiting.len;
    void (*ended)(void *) = drain->ended;
    drain_done(drain);
    stream_took(drain->stream, lost);
    if (ended)
        ended(drain->ctx);
}

static size_t push(struct drain *drain, const void *data, size_t len)
{
    ssize_t n;
    do
        n = write(drain->fd, data, len);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN)
        give_up(drain);
    return 0;
}

static void ready(void *ctx, int fd, uint32_t events)
{
    struct drain *drain = ctx;
    (void)fd;
    (void)events;
    size_t done = push(drain, drain->waiting.data, drain->waiting.len);
    if (drain->fd < 0)
        return;
    buf_drop(&drain->waiting, done);
    if (drain->waiting.len == 0)
        loop_io_events(drain->io, 0);
    if (drain->waiting.len == 0 && drain->eof)
        finish(drain);
    stream_took(drain->stream, done);
}

int drain_open(struct drain *drain, struct stream *stream, int fd, bool half,
               void (*ended)(void *ctx), void *ctx, struct err *err)
{
    *drain = (struct drain){.stream = stream, .fd = fd, .half = half, .ended = ended, .ctx = ctx};
    buf_init(&drain->waiting, RPC_NODE_CREDIT);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return loop_io_new(stream_node(stream)->loop, fd, 0, ready, drain, &drain->io, err);
}

void drain_done(struct drain *drain)
{
    loop_io_free(drain->io);
    drain->io = NULL;
    if (drain->fd >= 0)
        close(drain->fd);
    drain->fd = -1;
    buf_done(&drain->waiting);
}

void drain_write(struct drain *drain, const void *data, size_t len)
{
    size_t done = 0;
    if (drain->fd >= 0 && drain->waiting.len == 0)
        done = push(drain, data, len);
    if (drain->fd < 0 || buf_add(&drain->waiting, (const char *)data + done, len - done) < 0) {
        stream_took(drain->stream, len);
        return;
    }
    if (drain->waiting.len > 0)
        loop_io_events(drain->io, EPOLLOUT);
    stream_took(drain->stream, done);
}

void drain_eof(struct drain *drain)
{
    drain->eof = true;
    if (drain->fd >= 0 && drain->waiting.len == 0)
        finish(drain);
}
