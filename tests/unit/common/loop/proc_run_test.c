#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/loop/proc.h"

#include "tests/lib/await.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct result {
    struct proc_run *run;
    int calls, status;
    struct buf output;
    bool frees;
};

static void on_done(void *ctx, int status, const char *output, size_t len)
{
    struct result *result = ctx;
    result->calls++;
    result->status = status;
    assert_int_equal(output[len], '\0');
    assert_int_equal(buf_add(&result->output, output, len), 0);
    if (result->frees)
        proc_run_free(result->run);
}

static struct loop *new_loop(void)
{
    struct loop *loop;
    struct err err = {0};
    assert_int_equal(loop_new(clock_system(), &loop, &err), 0);
    return loop;
}

static void start(struct loop *loop, const char *script, size_t max, int64_t timeout_ns,
                  struct result *result)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const struct proc_spec spec = {
        .path = "/bin/sh", .argv = argv, .fd_in = -1, .new_session = true};
    struct err err = {0};
    assert_int_equal(
        proc_run_new(loop, &spec, max, timeout_ns, on_done, result, &result->run, &err), 0);
}

static void await(struct loop *loop, struct result *result)
{
    AWAIT(result->calls, await_turn(loop));
    assert_int_equal(result->calls, 1);
}

static void test_proc_run__output_and_status(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        size_t max;
        int code;
        size_t len;
        const char *output; /* NULL: only its length counts */
    } cases[] = {
        {"echo out; echo err >&2; exit 3", 100, 3, 8, "out\nerr\n"},
        {"exit 0", 100, 0, 0, ""},
        {"printf 0123456789", 4, 0, 4, "0123"},
        {"printf 0123456789", 0, 0, 0, ""},
        /* more than a pipe holds: the program does not hang on our cap */
        {"head -c 300000 /dev/zero", 1000, 0, 1000, NULL},
        {"head -c 300000 /dev/zero", 1000000, 0, 300000, NULL},
        /* a grandchild that goes on holding the pipe */
        {"sleep 1 & echo early", 100, 0, 6, "early\n"},
        /* one that closes its output long before it ends */
        {"echo a; exec >&- 2>&-; sleep 0.1; exit 4", 100, 4, 2, "a\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct loop *loop = new_loop();
        struct result result = {.frees = i % 2};
        start(loop, cases[i].script, cases[i].max, 60 * NS_PER_S, &result);
        await(loop, &result);
        assert_true(WIFEXITED(result.status));
        assert_int_equal(WEXITSTATUS(result.status), cases[i].code);
        assert_int_equal(result.output.len, cases[i].len);
        if (cases[i].output)
            assert_string_equal(buf_str(&result.output), cases[i].output);
        buf_done(&result.output);
        loop_free(loop);
    }
}

static void test_proc_run__time_runs_out(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct loop *loop;
    struct result result = {0};
    struct stat st;
    char path[] = "/tmp/limpet-proc-run-XXXXXX", script[100];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    clock_fake_init(&clock, NS_PER_S, 0);
    assert_int_equal(loop_new(&clock.clock, &loop, NULL), 0);
    snprintf(script, sizeof(script), "echo before; echo >%s; sleep 600 & sleep 600", path);
    start(loop, script, 100, 100 * NS_PER_MS, &result);
    AWAIT(fstat(fd, &st) == 0 && st.st_size > 0, await_turn(loop)); /* so far it has come */
    clock_fake_advance(&clock, 100 * NS_PER_MS - 1);
    for (int i = 0; i < 5; i++) /* long enough for a program that is killed */
        await_turn(loop);
    assert_int_equal(result.calls, 0);
    clock_fake_advance(&clock, 1);
    await(loop, &result);
    assert_int_equal(result.status, -1);
    assert_string_equal(buf_str(&result.output), "before\n");
    buf_done(&result.output);
    loop_free(loop);
    close(fd);
    unlink(path);
}

static void test_proc_run__freed_is_killed_and_reaped(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct result result = {0};
    start(loop, "sleep 60", 100, 0, &result);
    proc_run_free(result.run);
    proc_run_free(NULL);
    siginfo_t info;
    AWAIT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0, await_turn(loop));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(result.calls, 0);
    loop_free(loop);
}

static void test_proc_run__cannot_start(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    const char *const argv[] = {"x", NULL};
    const struct proc_spec spec = {.path = "/nowhere/x", .argv = argv, .fd_in = -1};
    struct proc_run *run = NULL;
    struct err err = {0};
    assert_int_equal(proc_run_new(loop, &spec, 10, 0, on_done, NULL, &run, &err), -ENOENT);
    assert_null(run);
    assert_string_equal(err.msg, "cannot run /nowhere/x: No such file or directory");
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_run__output_and_status),
        cmocka_unit_test(test_proc_run__time_runs_out),
        cmocka_unit_test(test_proc_run__freed_is_killed_and_reaped),
        cmocka_unit_test(test_proc_run__cannot_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
