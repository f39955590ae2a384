#include "common/loop/loop.h"

#include "tests/lib/await.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct ended {
    struct loop_child *child;
    int calls, status;
    pid_t pid;
    bool frees;
};

static void on_end(void *ctx, pid_t pid, int status)
{
    struct ended *ended = ctx;
    ended->calls++;
    ended->pid = pid;
    ended->status = status;
    if (ended->frees)
        loop_child_free(ended->child);
}

static pid_t start(int code)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (code < 0)
            for (;;)
                pause();
        _exit(code);
    }
    return pid;
}

static struct loop *new_loop(void)
{
    struct loop *loop;
    struct err err = {0};
    assert_int_equal(loop_new(clock_system(), &loop, &err), 0);
    return loop;
}

static void await(struct loop *loop, const struct ended *ended)
{
    AWAIT(ended->calls, await_turn(loop));
    assert_int_equal(ended->calls, 1);
}

static void test_child__is_reaped_and_told_once(void **state)
{
    (void)state;
    for (int frees = 0; frees < 2; frees++) {
        struct loop *loop = new_loop();
        struct err err = {0};
        struct ended ended = {.frees = frees};
        pid_t pid = start(3);
        assert_int_equal(loop_child_new(loop, pid, on_end, &ended, &ended.child, &err), 0);
        await(loop, &ended);
        assert_int_equal(ended.pid, pid);
        assert_true(WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 3);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(loop_step(loop, 0), 0);
        assert_int_equal(ended.calls, 1);
        if (!frees)
            loop_child_free(ended.child);
        loop_free(loop);
    }
}

static void test_child__killed(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct err err = {0};
    struct ended ended = {.frees = true};
    pid_t pid = start(-1);
    assert_int_equal(loop_child_new(loop, pid, on_end, &ended, &ended.child, &err), 0);
    assert_int_equal(loop_step(loop, 0), 0);
    assert_int_equal(ended.calls, 0);
    kill(pid, SIGKILL);
    await(loop, &ended);
    assert_true(WIFSIGNALED(ended.status) && WTERMSIG(ended.status) == SIGKILL);
    loop_free(loop);
}

static void test_child__freed_first_is_left_alone(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct err err = {0};
    struct ended ended = {0};
    pid_t pid = start(-1);
    assert_int_equal(loop_child_new(loop, pid, on_end, &ended, &ended.child, &err), 0);
    loop_child_free(ended.child);
    assert_int_equal(loop_step(loop, 0), 0);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* alive, and ours to reap */
    kill(pid, SIGKILL);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(ended.calls, 0);
    loop_free(loop);
}

static void test_child__abandoned_is_still_reaped(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct err err = {0};
    struct ended ended = {0};
    pid_t pid = start(0);
    assert_int_equal(loop_child_new(loop, pid, on_end, &ended, &ended.child, &err), 0);
    loop_child_abandon(ended.child);
    AWAIT(kill(pid, 0) == -1, await_turn(loop));
    assert_int_equal(ended.calls, 0);
    loop_free(loop);
}

static void test_child__of_somebody_else(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct err err = {0};
    struct ended ended = {.frees = true};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t grandchild = start(-1);
        _exit(write(ends[1], &grandchild, sizeof(grandchild)) < 0 || pause());
    }
    pid_t pid;
    assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
    assert_int_equal(loop_child_new(loop, pid, on_end, &ended, &ended.child, &err), 0);
    kill(pid, SIGKILL);
    await(loop, &ended);
    assert_int_equal(ended.status, -1);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    struct loop_child *none = NULL;
    assert_int_equal(loop_child_new(loop, parent, on_end, &ended, &none, &err), -ESRCH);
    assert_null(none);
    close(ends[0]);
    close(ends[1]);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child__is_reaped_and_told_once),
        cmocka_unit_test(test_child__killed),
        cmocka_unit_test(test_child__freed_first_is_left_alone),
        cmocka_unit_test(test_child__abandoned_is_still_reaped),
        cmocka_unit_test(test_child__of_somebody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
