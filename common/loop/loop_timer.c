#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/loop/loop_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* A longer wait is slept in parts: time_t has 32 bits on some boards. */
#define TIMER_WAIT_MAX (86400 * NS_PER_S)

struct loop_timer {
    struct loop *loop;
    struct list link;
    struct list due; /* linked while the batch that found it due has not called it yet */
    int64_t at;
    uint64_t seq;
    size_t place; /* in the heap, plus one; 0: not there */
    loop_timer_fn *fn;
    void *ctx;
};

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void put_at(struct loop *loop, size_t i, struct loop_timer *timer)
{
    loop->heap[i] = timer;
    timer->place = i + 1;
}

static void sift_up(struct loop *loop, size_t i, struct loop_timer *timer)
{
    for (; i > 0 && before(timer, loop->heap[(i - 1) / 2]); i = (i - 1) / 2)
        put_at(loop, i, loop->heap[(i - 1) / 2]);
    put_at(loop, i, timer);
}

static void sift_down(struct loop *loop, size_t i, struct loop_timer *timer)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < loop->heap_len && before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (child >= loop->heap_len || !before(loop->heap[child], timer))
            break;
        put_at(loop, i, loop->heap[child]);
        i = child;
    }
    put_at(loop, i, timer);
}

static void heap_add(struct loop *loop, struct loop_timer *timer)
{
    if (loop->heap_len == loop->heap_cap) {
        loop->heap_cap = loop->heap_cap ? 2 * loop->heap_cap : 16;
        loop->heap = xreallocarray(loop->heap, loop->heap_cap, sizeof(struct loop_timer *));
    }
    sift_up(loop, loop->heap_len++, timer);
}

static void heap_remove(struct loop *loop, struct loop_timer *timer)
{
    size_t i = timer->place - 1;
    struct loop_timer *last = loop->heap[--loop->heap_len];
    timer->place = 0;
    if (last == timer)
        return;
    if (i > 0 && before(last, loop->heap[(i - 1) / 2]))
        sift_up(loop, i, last);
    else
        sift_down(loop, i, last);
}

int loop_timers_init(struct loop *loop, struct err *err)
{
    /* Boot time, so that a machine that wakes from suspend finds its timers due. */
    loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer_fd < 0)
        return err_errno(err, errno, "cannot make the event loop's timer");
    struct epoll_event event = {.events = EPOLLIN}; /* no source: it only wakes */
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &event) < 0)
        return err_errno(err, errno, "cannot wait for the event loop's timer");
    return 0;
}

void loop_timers_done(struct loop *loop)
{
    struct list *it, *tmp;
    list_each(it, tmp, &loop->timers) loop_timer_free(container_of(it, struct loop_timer, link));
    free(loop->heap);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
}

int loop_timers_wake(struct loop *loop, int64_t boot_ns)
{
    if (boot_ns == INT64_MAX && !loop->timer_set)
        return 0;
    struct itimerspec spec = {0}; /* zero disarms */
    if (boot_ns != INT64_MAX) {
        int64_t wait = boot_ns - loop_now(loop);
        if (wait < 1)
            wait = 1;
        if (wait > TIMER_WAIT_MAX)
            wait = TIMER_WAIT_MAX;
        spec.it_value.tv_sec = (time_t)(wait / NS_PER_S);
        spec.it_value.tv_nsec = (long)(wait % NS_PER_S);
    }
    loop->timer_set = boot_ns != INT64_MAX;
    return timerfd_settime(loop->timer_fd, 0, &spec, NULL) < 0 ? -errno : 0;
}

int64_t loop_timers_next(const struct loop *loop)
{
    if (!list_empty(&loop->due))
        return loop_now(loop);
    return loop->heap_len ? loop->heap[0]->at : INT64_MAX;
}

void loop_timers_run(struct loop *loop)
{
    /* All that are due come off the heap first: one that arms itself anew for now waits a batch. */
    int64_t now = loop->heap_len ? loop_now(loop) : 0;
    while (loop->heap_len && loop->heap[0]->at <= now) {
        struct loop_timer *timer = loop->heap[0];
        heap_remove(loop, timer);
        list_append(&loop->due, &timer->due);
    }
    while (!list_empty(&loop->due)) {
        struct loop_timer *timer = container_of(loop->due.next, struct loop_timer, due);
        list_remove(&timer->due);
        timer->fn(timer->ctx);
    }
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *ctx)
{
    struct loop_timer *timer = xcalloc(1, sizeof(*timer));
    *timer = (struct loop_timer){.loop = loop, .fn = fn, .ctx = ctx};
    list_append(&loop->timers, &timer->link);
    return timer;
}

void loop_timer_at(struct loop_timer *timer, int64_t boot_ns)
{
    loop_timer_stop(timer);
    timer->at = boot_ns == INT64_MAX ? INT64_MAX - 1 : boot_ns; /* INT64_MAX says "no timer" */
    timer->seq = timer->loop->timer_seq++;
    heap_add(timer->loop, timer);
}

void loop_timer_after(struct loop_timer *timer, int64_t ns)
{
    int64_t at;
    if (__builtin_add_overflow(loop_now(timer->loop), ns, &at))
        at = ns > 0 ? INT64_MAX : 0;
    loop_timer_at(timer, at);
}

void loop_timer_stop(struct loop_timer *timer)
{
    list_remove(&timer->due);
    if (timer->place)
        heap_remove(timer->loop, timer);
}

bool loop_timer_armed(const struct loop_timer *timer)
{
    return timer->place || timer->due.next;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    loop_timer_stop(timer);
    list_remove(&timer->link);
    free(timer);
}
