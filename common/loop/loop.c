#include "common/loop/loop.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/loop/loop_impl.h"

#include <errno.h>
#include <stdlib.h>

struct loop_io {
    struct source source;
    struct loop *loop;
    struct list link;
    int fd;
    uint32_t events; /* 0: not in epoll, which would go on reporting EPOLLHUP */
    loop_io_fn *fn;
    void *ctx;
};

struct loop_defer {
    struct loop *loop;
    struct list link;
    loop_defer_fn *fn;
    void *ctx;
};

int loop_new(const struct clock *clock, struct loop **ret, struct err *err)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    loop->clock = clock;
    loop->timer_fd = loop->signal_fd = -1;
    list_init(&loop->ios);
    list_init(&loop->children);
    list_init(&loop->timers);
    list_init(&loop->due);
    list_init(&loop->signals);
    list_init(&loop->defers);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int r = loop->epoll_fd < 0 ? err_errno(err, errno, "cannot make an event loop")
                               : loop_timers_init(loop, err);
    if (r < 0) {
        loop_free(loop);
        return r;
    }
    *ret = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    struct list *it, *tmp;
    list_each(it, tmp, &loop->ios) loop_io_free(container_of(it, struct loop_io, link));
    list_each(it, tmp, &loop->defers) loop_defer_free(container_of(it, struct loop_defer, link));
    loop_children_done(loop);
    loop_signals_done(loop);
    loop_timers_done(loop);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    free(loop);
}

const struct clock *loop_clock(const struct loop *loop)
{
    return loop->clock;
}

int64_t loop_now(const struct loop *loop)
{
    return clock_boot(loop->clock);
}

int64_t loop_next(const struct loop *loop)
{
    return list_empty(&loop->defers) ? loop_timers_next(loop) : loop_now(loop);
}

int loop_run(struct loop *loop)
{
    while (!loop->stopped) {
        int r = loop_step(loop, -1);
        if (r < 0)
            return r;
    }
    loop->stopped = false;
    return loop->code;
}

void loop_stop(struct loop *loop, int code)
{
    loop->stopped = true;
    loop->code = code;
}

static void run_defers(struct loop *loop)
{
    /* Those that are added meanwhile go behind this mark, and wait for the next batch. */
    list_append(&loop->defers, &loop->defer_mark);
    while (loop->defers.next != &loop->defer_mark) {
        struct loop_defer *defer = container_of(loop->defers.next, struct loop_defer, link);
        list_remove(&defer->link);
        loop->running = defer;
        defer->fn(defer->ctx);
        loop->running = NULL;
        free(defer);
    }
    list_remove(&loop->defer_mark);
}

/* When epoll must return at the latest, in boot ns; INT64_MAX: when something happens. */
static int64_t wake_time(const struct loop *loop, int64_t max_wait_ns)
{
    int64_t next = loop_next(loop), latest;
    if (max_wait_ns < 0 || __builtin_add_overflow(loop_now(loop), max_wait_ns, &latest))
        return next;
    return latest < next ? latest : next;
}

int loop_step(struct loop *loop, int64_t max_wait_ns)
{
    int64_t wake = wake_time(loop, max_wait_ns);
    int timeout = 0;
    if (wake > loop_now(loop)) {
        int r = loop_timers_wake(loop, wake);
        if (r < 0)
            return r;
        timeout = -1;
    }
    int n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, timeout);
    if (n < 0 && errno != EINTR)
        return -errno;
    loop->batch_len = n < 0 ? 0 : n;
    for (loop->batch_at = 0; loop->batch_at < loop->batch_len;) {
        const struct epoll_event *event = &loop->batch[loop->batch_at++];
        struct source *source = event->data.ptr;
        if (source)
            source->ready(source, event->events);
    }
    loop->batch_len = loop->batch_at = 0;
    /* After input: a renewal that has arrived counts before the timer that misses it. */
    loop_timers_run(loop);
    run_defers(loop);
    return 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t events, struct source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void loop_unwatch(struct loop *loop, int fd, const struct source *source)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    for (int i = loop->batch_at; i < loop->batch_len; i++)
        if (loop->batch[i].data.ptr == source)
            loop->batch[i].data.ptr = NULL;
}

static void io_ready(struct source *source, uint32_t events)
{
    struct loop_io *io = container_of(source, struct loop_io, source);
    io->fn(io->ctx, io->fd, events);
}

int loop_io_new(struct loop *loop, int fd, uint32_t events, loop_io_fn *fn, void *ctx,
                struct loop_io **ret, struct err *err)
{
    struct loop_io *io = xcalloc(1, sizeof(*io));
    *io = (struct loop_io){
        .source.ready = io_ready, .loop = loop, .fd = fd, .events = events, .fn = fn, .ctx = ctx};
    int r = events ? loop_watch(loop, fd, events, &io->source) : 0;
    if (r < 0) {
        free(io);
        return err_errno(err, -r, "cannot wait for descriptor %d", fd);
    }
    list_append(&loop->ios, &io->link);
    *ret = io;
    return 0;
}

void loop_io_events(struct loop_io *io, uint32_t events)
{
    if (events == io->events)
        return;
    uint32_t before = io->events;
    io->events = events;
    if (!events) {
        loop_unwatch(io->loop, io->fd, &io->source);
        return;
    }
    struct epoll_event event = {.events = events, .data.ptr = &io->source};
    int op = before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    /* Other failures mean that the descriptor was closed first: nothing more can come from it. */
    if (epoll_ctl(io->loop->epoll_fd, op, io->fd, &event) < 0 &&
        (errno == ENOMEM || errno == ENOSPC))
        abort();
}

void loop_io_free(struct loop_io *io)
{
    if (!io)
        return;
    if (io->events)
        loop_unwatch(io->loop, io->fd, &io->source);
    list_remove(&io->link);
    free(io);
}

struct loop_defer *loop_defer(struct loop *loop, loop_defer_fn *fn, void *ctx)
{
    struct loop_defer *defer = xcalloc(1, sizeof(*defer));
    *defer = (struct loop_defer){.loop = loop, .fn = fn, .ctx = ctx};
    list_append(&loop->defers, &defer->link);
    return defer;
}

void loop_defer_free(struct loop_defer *defer)
{
    if (!defer || defer == defer->loop->running)
        return; /* run_defers frees what runs */
    list_remove(&defer->link);
    free(defer);
}
