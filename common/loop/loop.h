#pragma once
/* The event loop: descriptors (epoll), timers on boot time, signals, child processes (pidfd),
 * deferred calls. One thread. Handles may be freed inside any callback, their own included. Nothing
 * here closes a caller's descriptor. Callbacks never recurse into the loop. */

#include "common/base/clock.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct loop;
struct loop_io;
struct loop_timer;
struct loop_signal;
struct loop_child;
struct loop_defer;

/* `clock` is borrowed (clock_system(), or a simulator's). */
nodiscard int loop_new(const struct clock *clock, struct loop **ret, struct err *err);
void loop_free(struct loop *loop); /* and every handle that is left; not from a callback */
const struct clock *loop_clock(const struct loop *loop);
int64_t loop_now(const struct loop *loop); /* boot ns, read anew each time */

/* Runs until loop_stop; returns the code given there, or a negative errno if waiting itself fails.
 */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int code);
/* Waits at most max_wait_ns (-1: for ever) for one batch and dispatches it. 0 or a negative errno.
 */
int loop_step(struct loop *loop, int64_t max_wait_ns);
/* The earliest timer in boot ns, INT64_MAX if none; now if a deferred call waits. For a simulator
 * that advances its own clock and then calls loop_step(loop, 0). */
int64_t loop_next(const struct loop *loop);
/* An epoll descriptor of the whole loop is never exposed; another loop's is added with loop_io_new.
 */

typedef void loop_io_fn(void *ctx, int fd,
                        uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR... */
nodiscard int loop_io_new(struct loop *loop, int fd, uint32_t events, loop_io_fn *fn, void *ctx,
                          struct loop_io **ret, struct err *err);
void loop_io_events(struct loop_io *io, uint32_t events); /* level-triggered; 0 = paused */
void loop_io_free(struct loop_io *io);                    /* before the descriptor is closed */

typedef void loop_timer_fn(void *ctx);
struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *ctx); /* not armed */
void loop_timer_at(struct loop_timer *timer,
                   int64_t boot_ns); /* one shot; replaces the earlier time */
void loop_timer_after(struct loop_timer *timer, int64_t ns);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_armed(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

typedef void loop_signal_fn(void *ctx, int signo);
/* Blocks the signal in the process (for good: it stays blocked after the handler is freed) and
 * delivers it here. One handler a signal; -EEXIST. */
nodiscard int loop_signal_new(struct loop *loop, int signo, loop_signal_fn *fn, void *ctx,
                              struct loop_signal **ret, struct err *err);
void loop_signal_free(struct loop_signal *sig);

/* Calls fn once when the child has ended and was reaped. status as from waitpid(2). Freeing the
 * handle first leaves the child unreaped and alive: the caller's business. For a process that is
 * not our child, status is -1. The handle is the caller's to free, in fn or later. -ESRCH: there is
 * no such process. */
typedef void loop_child_fn(void *ctx, pid_t pid, int status);
nodiscard int loop_child_new(struct loop *loop, pid_t pid, loop_child_fn *fn, void *ctx,
                             struct loop_child **ret, struct err *err);
void loop_child_free(struct loop_child *child);
/* Instead of freeing the handle of a child that is going to end: it is reaped when it does, however
 * long that takes, and nobody is told. */
void loop_child_abandon(struct loop_child *child);

/* Runs fn once after the current batch of callbacks. */
typedef void loop_defer_fn(void *ctx);
struct loop_defer *loop_defer(struct loop *loop, loop_defer_fn *fn, void *ctx);
void loop_defer_free(struct loop_defer *defer); /* cancels; invalid after fn has run */
