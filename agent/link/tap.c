#include "agent/link/tap.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void end(struct tap *tap)
{
    struct stream *stream = tap->stream;
    tap_done(tap);
    stream_eof(stream, tap->channel);
    tap->ended(tap->ctx);
}

/* False: no more now. */
static bool send_held(struct tap *tap)
{
    if (tap->held && stream_send(tap->stream, tap->channel, tap->held, tap->held_len) == 0)
        return false;
    free(tap->held);
    tap->held = NULL;
    return true;
}

/* One piece; false: no more now, or the end. */
static bool move(struct tap *tap)
{
    char data[RPC_MAX_CHUNK];
    size_t room = send_held(tap) ? stream_room(tap->stream) : 0;
    if (room == 0) {
        loop_io_events(tap->io, 0); /* tap_ready brings us back */
        return false;
    }
    ssize_t n;
    do
        n = read(tap->fd, data, room);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN && !tap->last) {
        loop_io_events(tap->io, EPOLLIN);
        return false;
    }
    if (n <= 0) { /* EIO: the last holder of the terminal is gone */
        end(tap);
        return false;
    }
    if (stream_send(tap->stream, tap->channel, data, (size_t)n) == 0) {
        tap->held = xmemdup(data, (size_t)n);
        tap->held_len = (size_t)n;
    }
    return true;
}

static void ready(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    (void)move(ctx);
}

int tap_open(struct tap *tap, struct stream *stream, int fd, unsigned channel,
             void (*ended)(void *ctx), void *ctx, struct err *err)
{
    *tap = (struct tap){.stream = stream, .fd = fd, .channel = channel, .ended = ended, .ctx = ctx};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return loop_io_new(stream_node(stream)->loop, fd, EPOLLIN, ready, tap, &tap->io, err);
}

void tap_done(struct tap *tap)
{
    loop_io_free(tap->io);
    tap->io = NULL;
    if (tap->fd >= 0)
        close(tap->fd);
    tap->fd = -1;
    free(tap->held);
    tap->held = NULL;
}

void tap_ready(struct tap *tap)
{
    bool more = tap->fd >= 0 && move(tap);
    while (more && tap->last)
        more = move(tap);
    if (more)
        loop_io_events(tap->io, EPOLLIN);
}

void tap_finish(struct tap *tap)
{
    tap->last = true;
    tap_ready(tap);
}
