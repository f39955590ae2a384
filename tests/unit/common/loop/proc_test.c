#include "common/loop/proc.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
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

static int wait_for(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Runs a shell script with its output in a pipe; returns the exit status. */
static int run(const char *script, struct proc_spec spec, struct buf *output)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    int ends[2];
    pid_t pid;
    struct err err = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    spec.path = "/bin/sh";
    spec.argv = argv;
    spec.fd_out = ends[1];
    spec.fd_err = -1;
    int r = proc_spawn(&spec, &pid, &err);
    if (r < 0)
        print_error("%s\n", err.msg);
    assert_int_equal(r, 0);
    close(ends[1]);
    for (ssize_t n = 1; n > 0;) {
        char *to = buf_reserve(output, 4096);
        assert_non_null(to);
        n = read(ends[0], to, 4096);
        assert_true(n >= 0);
        output->len += (size_t)n;
    }
    close(ends[0]);
    return wait_for(pid);
}

static void test_proc__environment_and_folder_as_given(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf out = {0};
    const char *const env[] = {"ONLY=this", NULL};
    int status = run("echo $ONLY $HOME $PWD; pwd; exit 7",
                     (struct proc_spec){.fd_in = -1, .envp = env, .cwd = "/usr"}, &out);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_string_equal(buf_str(&out), "this /usr\n/usr\n");
}

static void test_proc__no_descriptor_leaks(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf out = {0};
    int leaks[20];
    for (size_t i = 0; i < ARRAY_LEN(leaks); i++)
        leaks[i] = open("/etc/passwd", O_RDONLY); /* not close-on-exec */
    int high = fcntl(leaks[0], F_DUPFD, 900);
    int keep[2] = {fcntl(leaks[0], F_DUPFD_CLOEXEC, 40), fcntl(leaks[0], F_DUPFD, 50)};
    /* Only what the shell sees, without the one it lists with. */
    run("for f in /proc/self/fd/*; do [ -e $f ] && echo ${f##*/}; done",
        (struct proc_spec){.fd_in = -1, .keep = keep, .keep_count = 2}, &out);
    char want[64];
    snprintf(want, sizeof(want), "0\n1\n2\n%d\n%d\n", keep[0], keep[1]);
    assert_string_equal(buf_str(&out), want);
    for (size_t i = 0; i < ARRAY_LEN(leaks); i++)
        close(leaks[i]);
    close(high);
    close(keep[0]);
    close(keep[1]);
}

static void test_proc__stdio_may_be_any_descriptor(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf out = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "in\n", 3), 3);
    close(ends[1]);
    /* The source of stdin has the number of stderr, whose place is wanted by another. */
    int saved = dup(2);
    dup2(ends[0], 2);
    close(ends[0]);
    run("cat; echo out", (struct proc_spec){.fd_in = 2}, &out);
    dup2(saved, 2);
    close(saved);
    assert_string_equal(buf_str(&out), "in\nout\n");
}

static void test_proc__signals_are_as_new(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf out = {0};
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before);
    signal(SIGPIPE, SIG_IGN);
    run("exec grep -E '^Sig(Blk|Ign)' /proc/self/status", (struct proc_spec){.fd_in = -1}, &out);
    assert_string_equal(buf_str(&out), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    sigset_t now;
    sigprocmask(SIG_SETMASK, &before, &now);
    assert_int_equal(sigismember(&now, SIGTERM), 1); /* ours is untouched */
    signal(SIGPIPE, SIG_DFL);
}

static void test_proc__session_and_death_signal(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf out = {0};
    const struct proc_spec spec = {.fd_in = -1, .new_session = true, .death_signal = SIGKILL};
    run("read pid comm st ppid pgrp session rest < /proc/$$/stat; [ $pid = $session ] && echo own",
        spec, &out);
    assert_string_equal(buf_str(&out), "own\n");
}

/* A parent that dies takes its child with it. */
static void test_proc__dies_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        const char *const argv[] = {"sleep", "60", NULL};
        struct proc_spec spec = {.path = "sleep",
                                 .argv = argv,
                                 .fd_in = -1,
                                 .fd_out = -1,
                                 .fd_err = -1,
                                 .death_signal = SIGKILL,
                                 .keep = &ends[1],
                                 .keep_count = 1};
        pid_t pid;
        struct err err;
        _exit(proc_spawn(&spec, &pid, &err) < 0);
    }
    assert_int_equal(wait_for(parent), 0);
    close(ends[1]);
    char c;
    assert_int_equal(read(ends[0], &c, 1), 0); /* the sleeper held the other end */
    close(ends[0]);
}

static void test_proc__failures_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *path, *cwd;
        int r;
        const char *msg;
    } cases[] = {
        {"/nowhere/at-all", NULL, -ENOENT, "cannot run /nowhere/at-all: No such file or directory"},
        {"limpet-no-such", NULL, -ENOENT, "cannot run limpet-no-such: no such program in PATH"},
        {"/etc/passwd", NULL, -EACCES, "cannot run /etc/passwd: Permission denied"},
        {"/bin/sh", "/nowhere", -ENOENT,
         "cannot run /bin/sh in /nowhere: No such file or directory"},
    };
    const char *const argv[] = {"x", NULL};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct proc_spec spec = {.path = cases[i].path,
                                 .argv = argv,
                                 .cwd = cases[i].cwd,
                                 .fd_in = -1,
                                 .fd_out = -1,
                                 .fd_err = -1};
        pid_t pid = -7;
        struct err err = {0};
        assert_int_equal(proc_spawn(&spec, &pid, &err), cases[i].r);
        assert_string_equal(err.msg, cases[i].msg);
        assert_int_equal(pid, -7);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
    }
    int keep = 1;
    struct proc_spec spec = {.path = "/bin/sh", .argv = argv, .keep = &keep, .keep_count = 1};
    pid_t pid;
    assert_int_equal(proc_spawn(&spec, &pid, NULL), -EINVAL);
}

static void test_proc__searches_path(void **state)
{
    (void)state;
    char *before = strdup(getenv("PATH") ? getenv("PATH") : "");
    char folder[] = "/tmp/limpet-unit-proc-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char script[64], path[128];
    snprintf(script, sizeof(script), "%s/limpet-probe", folder);
    FILE *file = fopen(script, "w");
    fputs("#!/bin/sh\nexit 5\n", file);
    fclose(file);
    const char *const argv[] = {"limpet-probe", NULL};
    struct proc_spec spec = {
        .path = "limpet-probe", .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1};
    pid_t pid;
    snprintf(path, sizeof(path), "/nowhere::.:%s", folder);
    setenv("PATH", path, 1);
    assert_int_equal(proc_spawn(&spec, &pid, NULL), -ENOENT); /* not executable yet */
    chmod(script, 0755);
    assert_int_equal(proc_spawn(&spec, &pid, NULL), 0);
    assert_int_equal(WEXITSTATUS(wait_for(pid)), 5);
    assert_int_equal(chdir(folder), 0);
    setenv("PATH", ".:", 1); /* where we happen to be does not count */
    assert_int_equal(proc_spawn(&spec, &pid, NULL), -ENOENT);
    setenv("PATH", before, 1);
    assert_int_equal(chdir("/"), 0);
    unlink(script);
    rmdir(folder);
    free(before);
}

static void test_proc__status_text(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *text;
    } cases[] = {
        {0, "exited with 0"},           {3 << 8, "exited with 3"},
        {SIGKILL, "killed by SIGKILL"}, {SIGSEGV | 0x80, "killed by SIGSEGV"},
        {60, "killed by signal 60"},    {-1, "ended, status unknown"},
        {0x7f, "wait status 0x7f"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(proc_status_text(cases[i].status), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc__environment_and_folder_as_given),
        cmocka_unit_test(test_proc__no_descriptor_leaks),
        cmocka_unit_test(test_proc__stdio_may_be_any_descriptor),
        cmocka_unit_test(test_proc__signals_are_as_new),
        cmocka_unit_test(test_proc__session_and_death_signal),
        cmocka_unit_test(test_proc__dies_with_its_parent),
        cmocka_unit_test(test_proc__failures_come_back),
        cmocka_unit_test(test_proc__searches_path),
        cmocka_unit_test(test_proc__status_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
