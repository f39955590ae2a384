/* A keeper's socket and lock in another process: its own lock nobody sees. */

#include "agent/keeper/peek.h"

#include "agent/keeper/server.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LONG (20 * NS_PER_S)
#define SHORT (200 * NS_PER_MS)

static void ignore(void *ctx)
{
    (void)ctx;
}

static void ignore_stop(void *ctx, int64_t grace_ns)
{
    (void)ctx;
    (void)grace_ns;
}

_Noreturn static void keep(const char *dir, bool listens)
{
    static const struct server_handler handler = {ignore, ignore_stop, ignore, ignore};
    static struct keeper_report report = {
        .pod_uid = "p", .pod_name = "web", .state = KEEPER_RUNNING, .keeper_pid = 7};
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    autofree char *pid = xasprintf("%s/keeper.pid", dir);
    autofree char *path = xasprintf("%s/keeper.sock", dir);
    struct loop *loop = NULL;
    struct server *server = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(pid, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || loop_new(clock_system(), &loop, NULL) < 0)
        _exit(1);
    if (listens) {
        if (server_new(loop, path, -1, &handler, NULL, &server, NULL) < 0)
            _exit(1);
        server_publish(server, &report);
    }
    if (fcntl(fd, F_SETLK, &lock) < 0)
        _exit(1);
    _exit(loop_run(loop) != 0);
}

struct fixture {
    char dir[64];
    pid_t pid;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-peek-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) == NULL;
}

static void stop(struct fixture *f)
{
    if (f->pid <= 0)
        return;
    kill(f->pid, SIGKILL);
    assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
    f->pid = 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    autofree char *command = xasprintf("rm -rf %s", f->dir);
    stop(f);
    free(f);
    return system(command);
}

/* Returns once the lock is held. */
static void start(struct fixture *f, bool listens)
{
    autofree char *path = xasprintf("%s/keeper.pid", f->dir);
    f->pid = fork();
    if (f->pid == 0)
        keep(f->dir, listens);
    for (int i = 0; i < 1000; i++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
            return;
        usleep(5000);
    }
    fail_msg("the keeper does not start");
}

static void test_peek__report(void **state)
{
    struct fixture *f = *state;
    start(f, true);
    for (int i = 0; i < 20; i++) {
        struct keeper_report *report = NULL;
        struct err err = {0};
        if (keeper_peek(f->dir, LONG, &report, &err) < 0)
            fail_msg("%s", err.msg);
        assert_string_equal(report->pod_name, "web");
        assert_int_equal(report->state, KEEPER_RUNNING);
        keeper_report_free(report);
    }
}

/* Nobody there; a folder that a dead keeper left. */
static void test_peek__nobody(void **state)
{
    struct fixture *f = *state;
    struct keeper_report *report = NULL;
    struct err err = {0};
    assert_int_equal(keeper_peek("/tmp/limpet-peek-none", LONG, &report, &err), -ENOENT);
    assert_int_equal(keeper_peek(f->dir, LONG, &report, &err), -ENOENT);
    start(f, true);
    stop(f);
    assert_int_equal(keeper_peek(f->dir, LONG, &report, &err), -ENOENT);
}

static void test_peek__no_answer(void **state)
{
    struct fixture *f = *state;
    struct keeper_report *report = NULL;
    struct err err = {0};
    start(f, true);
    kill(f->pid, SIGSTOP);
    assert_int_equal(keeper_peek(f->dir, SHORT, &report, &err), -ETIMEDOUT);
    for (int i = 0; i < 10; i++) /* its queue is full */
        assert_int_equal(keeper_peek(f->dir, SHORT / 10, &report, &err), -ETIMEDOUT);
    kill(f->pid, SIGCONT);
    assert_int_equal(keeper_peek(f->dir, LONG, &report, &err), 0);
    keeper_report_free(report);
}

/* It has the lock, and makes its sandbox. */
static void test_peek__no_socket_yet(void **state)
{
    struct fixture *f = *state;
    struct keeper_report *report = NULL;
    struct err err = {0};
    start(f, false);
    assert_int_equal(keeper_peek(f->dir, SHORT, &report, &err), -ETIMEDOUT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_peek__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(report),
        TEST(nobody),
        TEST(no_answer),
        TEST(no_socket_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
