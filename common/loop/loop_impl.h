#pragma once
/* Shared by the files of this folder only. */

#include "common/base/list.h"
#include "common/loop/loop.h"

#include <stddef.h>

#define LOOP_BATCH 64

/* What stands behind an epoll registration; the first member of what it belongs to. */
struct source {
    void (*ready)(struct source *source, uint32_t events);
};

struct loop {
    const struct clock *clock;
    int epoll_fd;
    struct epoll_event batch[LOOP_BATCH];
    int batch_len, batch_at; /* events from batch_at on are still to be dispatched */
    bool stopped;
    int code;

    struct list ios;
    struct list children;

    struct source timer_source; /* wakes epoll; which timers are due is decided by `clock` */
    int timer_fd;
    bool timer_set;
    struct loop_timer **heap; /* by time, then by order of arming */
    size_t heap_len, heap_cap;
    uint64_t timer_seq;
    struct list timers; /* all of them */
    struct list due;    /* taken off the heap by the current batch */

    struct source signal_source;
    int signal_fd; /* -1 until the first handler */
    struct list signals;

    struct list defers;
    struct list defer_mark; /* in defers while they run: where the next batch begins */
    struct loop_defer *running;
};

/* Registers a source; 0 or a negative errno. */
int loop_watch(struct loop *loop, int fd, uint32_t events, struct source *source);
/* Takes a source out of epoll (fd may be closed already) and out of the rest of the batch. */
void loop_unwatch(struct loop *loop, int fd, const struct source *source);

int loop_timers_init(struct loop *loop, struct err *err);
void loop_timers_done(struct loop *loop);
void loop_timers_run(struct loop *loop);
/* Makes epoll return at boot_ns of the loop's clock; INT64_MAX: never. */
int loop_timers_wake(struct loop *loop, int64_t boot_ns);
int64_t loop_timers_next(const struct loop *loop);

void loop_signals_done(struct loop *loop);
void loop_children_done(struct loop *loop);
