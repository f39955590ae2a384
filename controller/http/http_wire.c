/* Connections that were upgraded: bytes to and from a client, as fast as both sides take them. */

#include "controller/http/http_impl.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ROUNDS 4 /* chunks an event, so that one client does not starve the others */

struct http_wire {
    struct http_request *request;
    struct http_wire_handler handler;
    void *ctx;
    int fd; /* -1: libmicrohttpd's still, or again */
    struct loop_io *io;
    struct loop_defer *soon; /* work that a call asked for */
    struct loop_timer *stall;
    struct buf in, out;
    size_t out_head; /* bytes of out that have gone */
    struct buf
        parts; /* size_t each: where in what is written a part ends, counted from the first */
    size_t parts_head;    /* bytes of parts that are over */
    size_t written, went; /* since the beginning */
    bool blocked;         /* the client takes nothing now */
    bool paused;          /* not all of `in` was taken */
    bool again;           /* it is to be offered once more */
    bool over;            /* the caller has let go of it */
    bool cut, gone;
};

static void work(void *ctx);

static void work_soon(struct http_wire *wire)
{
    if (!wire->soon)
        wire->soon = loop_defer(wire->request->http->loop, work, wire);
}

/* The connection goes back, to be closed; frees the wire with the request, later. */
static void finish(struct http_wire *wire)
{
    struct http_request *request = wire->request;
    wire->fd = -1;
    loop_io_free(steal(wire->io));
    loop_timer_stop(wire->stall);
    request->answered = true;
    if (request->upgraded)
        http_give_back(request);
    else
        http_release(request); /* not handed over yet, or over already */
}

static void be_gone(struct http_wire *wire)
{
    bool told = wire->over;
    wire->over = wire->gone = true;
    if (!told)
        wire->handler.gone(wire->ctx);
    finish(wire);
}

/* ---- to the client ---- */

/* Bytes to the end of the first part, or of everything. */
static size_t next_part(struct http_wire *wire)
{
    size_t end;
    if (wire->parts_head == wire->parts.len)
        return http_wire_pending(wire);
    memcpy(&end, wire->parts.data + wire->parts_head, sizeof(end));
    return end - wire->went;
}

static void drop_sent(struct http_wire *wire, size_t n)
{
    wire->out_head += n;
    wire->went += n;
    if (http_wire_pending(wire) == 0) { /* a quiet wire holds nothing */
        buf_done(&wire->out);
        buf_done(&wire->parts);
        wire->out_head = wire->parts_head = 0;
        return;
    }
    if (wire->parts_head < wire->parts.len && next_part(wire) == 0)
        wire->parts_head += sizeof(size_t);
    if (wire->out_head > wire->out.len / 2) {
        buf_drop(&wire->out, wire->out_head);
        wire->out_head = 0;
    }
    if (wire->parts_head > wire->parts.len / 2) {
        buf_drop(&wire->parts, wire->parts_head);
        wire->parts_head = 0;
    }
}

/* At most a part. */
static void flush(struct http_wire *wire)
{
    size_t len = next_part(wire);
    if (len == 0)
        return;
    ssize_t n = send(wire->fd, wire->out.data + wire->out_head, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    wire->blocked = n < (ssize_t)len;
    if (n < 0) {
        wire->gone = errno != EAGAIN && errno != EINTR;
        return;
    }
    drop_sent(wire, (size_t)n);
    if (!wire->blocked && http_wire_pending(wire) > 0)
        work_soon(wire);
    if (wire->over)
        loop_timer_after(wire->stall, HTTP_STALL_S * NS_PER_S);
    else if (wire->handler.sent)
        wire->handler.sent(wire->ctx);
}

/* ---- from the client ---- */

/* Hands over what is held. */
static void deliver(struct http_wire *wire)
{
    wire->again = false;
    if (wire->in.len == 0 || wire->over)
        return;
    size_t len = wire->in.len, taken = wire->handler.bytes(wire->ctx, wire->in.data, len);
    wire->paused = taken < len;
    if (taken == len)
        buf_done(&wire->in);
    else
        buf_drop(&wire->in, taken);
}

static bool reads(const struct http_wire *wire)
{
    return wire->over || !wire->paused || WEAKENED(HTTP_WIRE_PAUSE);
}

static void read_some(struct http_wire *wire)
{
    char chunk[HTTP_WIRE_CHUNK];
    for (int i = 0; i < ROUNDS && !wire->gone && reads(wire); i++) {
        ssize_t n = recv(wire->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            wire->gone = true;
        else if (!wire->over && buf_add(&wire->in, chunk, (size_t)n) == 0)
            deliver(wire);
    }
}

/* ---- the loop ---- */

/* After each event: what follows from what is known now. */
static void settle(struct http_wire *wire)
{
    if (wire->cut || (wire->over && http_wire_pending(wire) == 0))
        finish(wire);
    else if (wire->gone)
        be_gone(wire);
    else
        /* Errors are waited for in any case. */
        loop_io_events(wire->io, (reads(wire) ? (uint32_t)EPOLLIN : 0u) |
                                     (wire->blocked ? (uint32_t)EPOLLOUT : 0u) |
                                     (uint32_t)EPOLLERR);
}

static void on_io(void *ctx, int fd, uint32_t events)
{
    struct http_wire *wire = ctx;
    (void)fd;
    if (events & EPOLLOUT)
        flush(wire);
    if (!wire->gone && events & EPOLLIN)
        read_some(wire);
    else if (events & (EPOLLHUP | EPOLLERR))
        wire->gone = true;
    settle(wire);
}

static void work(void *ctx)
{
    struct http_wire *wire = ctx;
    wire->soon = NULL;
    if (wire->fd < 0) {
        if (wire->gone)
            be_gone(wire);
        return;
    }
    if (!wire->cut && !wire->gone) {
        if (wire->again)
            deliver(wire);
        if (!wire->blocked)
            flush(wire);
    }
    settle(wire);
}

static void on_stall(void *ctx)
{
    struct http_wire *wire = ctx;
    wire->cut = true;
    work_soon(wire);
}

/* ---- what http.c says ---- */

void http_wire_open(struct http_wire *wire, int fd, const void *extra, size_t len)
{
    struct err err = {0};
    wire->fd = fd;
    if (len > 0)
        (void)buf_add(&wire->in, extra, len);
    wire->again = true;
    if (loop_io_new(wire->request->http->loop, fd, EPOLLERR, on_io, wire, &wire->io, &err) != 0)
        wire->cut = wire->gone = true;
    work_soon(wire);
}

void http_wire_left(struct http_wire *wire)
{
    wire->fd = -1;
    loop_io_free(steal(wire->io));
    wire->gone = true;
    if (!wire->request->answered)
        work_soon(wire);
}

void http_wire_drop(struct http_wire *wire)
{
    loop_defer_free(steal(wire->soon));
    loop_io_free(steal(wire->io));
    wire->fd = -1;
    wire->over = true;
}

void http_wire_free(struct http_wire *wire)
{
    if (!wire)
        return;
    loop_defer_free(wire->soon);
    loop_io_free(wire->io);
    loop_timer_free(wire->stall);
    buf_done(&wire->in);
    buf_done(&wire->out);
    buf_done(&wire->parts);
    free(wire);
}

/* ---- what its user says ---- */

struct http_wire *http_upgrade(struct http_request *request,
                               const struct http_wire_handler *handler, void *ctx)
{
    struct http_wire *wire = xcalloc(1, sizeof(*wire));
    wire->request = request;
    wire->handler = *handler;
    wire->ctx = ctx;
    wire->fd = -1;
    buf_init(&wire->in, 0);
    buf_init(&wire->out, HTTP_WIRE_MAX);
    buf_init(&wire->parts, 0);
    wire->stall = loop_timer_new(request->http->loop, on_stall, wire);
    request->wire = wire;
    if (request->mhd && request->conn)
        http_answer_upgrade(request);
    else
        http_wire_left(wire);
    return wire;
}

void http_wire_write(struct http_wire *wire, const void *data, size_t len)
{
    if (buf_add(&wire->out, data, len) != 0)
        wire->cut = wire->gone = true;
    else
        wire->written += len;
    work_soon(wire);
}

void http_wire_part(struct http_wire *wire)
{
    size_t last = 0;
    if (wire->parts.len >= sizeof(last))
        memcpy(&last, wire->parts.data + wire->parts.len - sizeof(last), sizeof(last));
    if (wire->written > wire->went && wire->written > last)
        (void)buf_add(&wire->parts, &wire->written, sizeof(wire->written));
}

size_t http_wire_pending(const struct http_wire *wire)
{
    return wire->out.len - wire->out_head;
}

void http_wire_more(struct http_wire *wire)
{
    wire->again = wire->paused;
    if (wire->again)
        work_soon(wire);
}

void http_wire_end(struct http_wire *wire)
{
    wire->over = true;
    loop_timer_after(wire->stall, HTTP_STALL_S * NS_PER_S);
    work_soon(wire);
}

void http_wire_cut(struct http_wire *wire)
{
    wire->cut = true;
    http_wire_end(wire);
}
