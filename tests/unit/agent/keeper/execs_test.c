/* Programs that are run in a pod are bounded. Real children: what they come to does not matter, as
 * long as nobody has heard of their end. */

#include "agent/keeper/execs.h"

#include "agent/keeper/fdpass.h"
#include "agent/keeper/proto.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void no_hook(void *ctx, size_t i, uint32_t attempt, bool runs)
{
    (void)ctx;
    (void)i;
    (void)attempt;
    (void)runs;
}

static int start(struct execs *execs)
{
    static const char *argv[] = {"true", NULL};
    const struct exec_request request = {.container = "main", .argv = argv};
    int control[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    execs_start(execs, &request, 0, 0, getpid(), &control[1]);
    return control[0];
}

/* The other end was told that it is refused, with this text. */
static bool is_refused(int control, const char *text)
{
    char bytes[512];
    int fds[FDPASS_MAX];
    size_t count;
    struct proto message = {0};
    int n = fdpass_recv(control, bytes, sizeof(bytes), fds, &count);
    if (n == -EAGAIN)
        return false;
    assert_true(n > 0);
    fdpass_close(fds, count);
    assert_int_equal(proto_decode(bytes, (size_t)n, &message), 0);
    assert_int_equal(message.type, PROTO_REFUSED);
    assert_string_equal(message.text, text);
    return true;
}

static void reap(struct execs *execs)
{
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    assert_true(pid > 0);
    assert_true(execs_reaped(execs, pid, status));
}

static void test_execs__are_bounded(void **state)
{
    (void)state;
    struct err err = {0};
    struct loop *loop = NULL;
    const struct launch_container container = {.name = "main"};
    const struct launch_plan plan = {
        .cgroup = "pod", .containers = &container, .container_count = 1};
    const struct sandbox sandbox = {.plan = &plan, .userns = {.fd = -1}, .one_group = true};
    int controls[EXECS_MAX];
    if (geteuid() != 0)
        skip();
    assert_int_equal(loop_new(clock_system(), &loop, &err), 0);
    struct execs *execs = execs_new(loop, &sandbox, no_hook, NULL);
    for (int i = 0; i < EXECS_MAX; i++) {
        controls[i] = start(execs);
        assert_false(is_refused(controls[i], ""));
    }
    int more = start(execs);
    assert_true(is_refused(more, "too many programs are being run in the pod"));
    close(more);
    reap(execs); /* one ends: there is room for another */
    more = start(execs);
    assert_false(is_refused(more, ""));
    close(more);
    for (int i = 0; i < EXECS_MAX; i++)
        reap(execs);
    for (int i = 0; i < EXECS_MAX; i++)
        close(controls[i]);
    execs_free(execs);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_execs__are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
