#include "agent/runtime/signals.h"

#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void handler(int signo)
{
    (void)signo;
}

static void set(int signo, void (*action)(int))
{
    const struct sigaction sa = {.sa_handler = action};
    assert_int_equal(sigaction(signo, &sa, NULL), 0);
}

static void (*get(int signo))(int)
{
    struct sigaction sa = {0};
    sigaction(signo, NULL, &sa);
    return sa.sa_handler;
}

static int setup(void **state)
{
    (void)state;
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    set(SIGPIPE, SIG_IGN);
    set(SIGRTMIN + 3, SIG_IGN);
    set(SIGHUP, handler);
    return 0;
}

static void test_signals__find_ignored(void **state)
{
    (void)state;
    sigset_t ignored;
    signals_find_ignored(&ignored);
    for (int signo = 1; signo < NSIG; signo++)
        assert_int_equal(sigismember(&ignored, signo) == 1,
                         signo == SIGPIPE || signo == SIGRTMIN + 3);
}

/* What the kernel's flag does: handlers go, ignored signals stay ignored. Were it otherwise, there
 * would be nothing to reset. */
static void test_signals__clone_leaves_ignored(void **state)
{
    (void)state;
    const struct sys_clone_args probe = {.flags = SYS_CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &probe, sizeof(probe));
    int status = 0;
    if (pid < 0)
        skip(); /* before Linux 5.5, or filtered */
    if (pid == 0)
        _exit((get(SIGHUP) == SIG_DFL) | (get(SIGPIPE) == SIG_IGN) << 1);
    assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 3);
}

/* The lines of /proc/self/status of a program that was started: blocked, ignored, caught. */
static void expect_clean(FILE *pipe)
{
    static const char *const names[] = {"SigBlk:", "SigIgn:", "SigCgt:"};
    char line[256];
    size_t seen = 0;
    while (fgets(line, sizeof(line), pipe))
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (str_has_prefix(line, names[i])) {
                seen++;
                if (strspn(line + strlen(names[i]), "\t0\n") != strlen(line + strlen(names[i])))
                    fail_msg("%s", line);
            }
    assert_int_equal(seen, ARRAY_LEN(names));
}

static void test_signals__programs_start_clean(void **state)
{
    (void)state;
    int ends[2], status = 0;
    sigset_t ignored, blocked;
    signals_find_ignored(&ignored);
    sigfillset(&blocked);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    int pid = sys_fork(0, -1);
    if (pid == 0) {
        signals_reset(&ignored);
        dup2(ends[1], STDOUT_FILENO);
        execlp("cat", "cat", "/proc/self/status", NULL);
        _exit(127);
    }
    signals_reset(NULL); /* of our own, the mask alone */
    assert_true(get(SIGPIPE) == SIG_IGN);
    close(ends[1]);
    FILE *pipe = fdopen(ends[0], "r");
    expect_clean(pipe);
    fclose(pipe);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_signals__find_ignored, setup),
        cmocka_unit_test_setup(test_signals__clone_leaves_ignored, setup),
        cmocka_unit_test_setup(test_signals__programs_start_clean, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
