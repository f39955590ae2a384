#include "common/loop/loop.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct loop *new_loop(void)
{
    struct loop *loop;
    struct err err = {0};
    assert_int_equal(loop_new(clock_system(), &loop, &err), 0);
    return loop;
}

/* Two pipes, their reading ends in the loop; each callback may free both handles. */
struct pipes {
    struct loop *loop;
    int ends[2][2];
    struct loop_io *ios[2];
    int calls;
    bool frees;
};

static void pipe_ready(void *ctx, int fd, uint32_t events)
{
    struct pipes *pipes = ctx;
    pipes->calls++;
    assert_true(events & EPOLLIN);
    if (!pipes->frees) {
        char c;
        assert_int_equal(read(fd, &c, 1), 1);
        return;
    }
    for (int i = 0; i < 2; i++) {
        loop_io_free(pipes->ios[i]);
        pipes->ios[i] = NULL;
    }
}

static void pipes_open(struct pipes *pipes, bool frees)
{
    struct err err = {0};
    *pipes = (struct pipes){.loop = new_loop(), .frees = frees};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe2(pipes->ends[i], O_CLOEXEC), 0);
        assert_int_equal(loop_io_new(pipes->loop, pipes->ends[i][0], EPOLLIN, pipe_ready, pipes,
                                     &pipes->ios[i], &err),
                         0);
        assert_int_equal(write(pipes->ends[i][1], "x", 1), 1);
    }
}

static void pipes_close(struct pipes *pipes)
{
    for (int i = 0; i < 2; i++)
        loop_io_free(pipes->ios[i]);
    for (int i = 0; i < 4; i++)
        close(pipes->ends[i / 2][i % 2]);
    loop_free(pipes->loop);
}

static void test_loop__input_is_dispatched(void **state)
{
    (void)state;
    struct pipes pipes;
    pipes_open(&pipes, false);
    assert_int_equal(loop_step(pipes.loop, 0), 0);
    assert_int_equal(pipes.calls, 2);
    assert_int_equal(loop_step(pipes.loop, 0), 0);
    assert_int_equal(pipes.calls, 2);
    pipes_close(&pipes);
}

static void test_loop__handles_freed_in_a_batch_are_not_called(void **state)
{
    (void)state;
    struct pipes pipes;
    pipes_open(&pipes, true);
    assert_int_equal(loop_step(pipes.loop, 0), 0);
    assert_int_equal(pipes.calls, 1); /* the first frees both */
    pipes_close(&pipes);
}

static void test_loop__paused_reports_nothing(void **state)
{
    (void)state;
    struct pipes pipes;
    pipes_open(&pipes, false);
    loop_io_events(pipes.ios[0], 0);
    loop_io_events(pipes.ios[1], 0);
    close(pipes.ends[0][1]); /* a hang-up would wake epoll whatever is asked for */
    pipes.ends[0][1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int64_t before = loop_now(pipes.loop);
    assert_int_equal(loop_step(pipes.loop, 20 * NS_PER_MS), 0);
    assert_true(loop_now(pipes.loop) - before >= 20 * NS_PER_MS);
    assert_int_equal(pipes.calls, 0);
    loop_io_events(pipes.ios[1], EPOLLIN);
    assert_int_equal(loop_step(pipes.loop, 0), 0);
    assert_int_equal(pipes.calls, 1);
    pipes_close(&pipes);
}

static void test_loop__new_handles_that_cannot_be(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct loop_io *io = NULL;
    struct err err = {0};
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(loop_io_new(loop, file, EPOLLIN, pipe_ready, NULL, &io, &err), -EPERM);
    assert_int_equal(loop_io_new(loop, 9999, EPOLLIN, pipe_ready, NULL, &io, &err), -EBADF);
    assert_null(io);
    assert_true(str_has_prefix(err.msg, "cannot wait for descriptor 9999: "));
    close(file);
    loop_free(loop);
}

struct deferring {
    struct loop *loop;
    struct loop_defer *own, *other;
    struct buf order;
};

static void say_b(void *ctx)
{
    struct deferring *d = ctx;
    (void)buf_addstr(&d->order, "b");
}

static void say_a(void *ctx)
{
    struct deferring *d = ctx;
    (void)buf_addstr(&d->order, "a");
    loop_defer_free(d->own);   /* its own */
    loop_defer_free(d->other); /* one of the same batch */
    d->own = loop_defer(d->loop, say_b, d);
}

static void test_loop__deferred_calls_run_once_and_can_be_cancelled(void **state)
{
    (void)state;
    struct deferring d = {.loop = new_loop()};
    d.own = loop_defer(d.loop, say_a, &d);
    d.other = loop_defer(d.loop, say_b, &d);
    loop_defer(d.loop, say_b, &d);
    struct loop_defer *cancelled = loop_defer(d.loop, say_b, &d);
    loop_defer_free(cancelled);
    assert_true(loop_next(d.loop) <= loop_now(d.loop));
    assert_int_equal(loop_step(d.loop, -1), 0); /* does not wait */
    assert_string_equal(buf_str(&d.order), "ab");
    assert_int_equal(loop_step(d.loop, -1), 0);
    assert_string_equal(buf_str(&d.order), "abb"); /* what a deferred call defers */
    assert_int_equal(loop_step(d.loop, 0), 0);
    assert_string_equal(buf_str(&d.order), "abb");
    assert_true(loop_next(d.loop) == INT64_MAX);
    loop_defer(d.loop, say_b, &d); /* left behind: freed with the loop */
    loop_free(d.loop);
    assert_string_equal(buf_str(&d.order), "abb");
    buf_done(&d.order);
}

static void stop(void *ctx)
{
    loop_stop(ctx, 42);
}

static void test_loop__runs_until_stopped(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    loop_defer(loop, stop, loop);
    assert_int_equal(loop_run(loop), 42);
    loop_stop(loop, -ECANCELED); /* before it runs */
    assert_int_equal(loop_run(loop), -ECANCELED);
    loop_defer(loop, stop, loop);
    assert_int_equal(loop_run(loop), 42);
    loop_free(loop);
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop__input_is_dispatched),
        cmocka_unit_test(test_loop__handles_freed_in_a_batch_are_not_called),
        cmocka_unit_test(test_loop__paused_reports_nothing),
        cmocka_unit_test(test_loop__new_handles_that_cannot_be),
        cmocka_unit_test(test_loop__deferred_calls_run_once_and_can_be_cancelled),
        cmocka_unit_test(test_loop__runs_until_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
