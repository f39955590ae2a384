/* Who looks at a container is bounded. */

#include "agent/keeper/attaches.h"

#include "agent/keeper/fdpass.h"
#include "agent/keeper/proto.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void nothing(void *ctx)
{
    (void)ctx;
}

/* What is said first over the other end; the text may be NULL. */
static enum proto_type heard(int control, char *text, size_t size)
{
    char bytes[512];
    int fds[FDPASS_MAX];
    size_t count;
    struct proto message = {0};
    int n = fdpass_recv(control, bytes, sizeof(bytes), fds, &count);
    assert_true(n > 0);
    fdpass_close(fds, count);
    assert_int_equal(proto_decode(bytes, (size_t)n, &message), 0);
    if (text)
        snprintf(text, size, "%s", message.text);
    return message.type;
}

static int attach(struct attaches *attaches)
{
    const struct exec_request request = {.container = "main", .attach = true, .streams = EXEC_OUT};
    int control[2], out[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    assert_int_equal(pipe(out), 0);
    const int fds[] = {control[1], out[1]};
    attaches_add(attaches, &request, fds, -1, false);
    close(out[0]);
    return control[0];
}

static void test_attaches__are_bounded(void **state)
{
    (void)state;
    static const struct attaches_handler handler = {nothing, nothing};
    struct err err = {0};
    struct loop *loop = NULL;
    char text[128];
    int controls[ATTACHES_MAX];
    assert_int_equal(loop_new(clock_system(), &loop, &err), 0);
    struct attaches *attaches = attaches_new(loop, false, &handler, NULL);
    for (int i = 0; i < ATTACHES_MAX; i++) {
        controls[i] = attach(attaches);
        assert_int_equal(heard(controls[i], NULL, 0), PROTO_BEGUN);
    }
    int more = attach(attaches);
    assert_int_equal(heard(more, text, sizeof(text)), PROTO_REFUSED);
    assert_string_equal(text, "too many are attached to the container");
    assert_int_equal(recv(more, text, sizeof(text), 0), 0); /* nothing of it is kept */
    close(more);
    close(controls[0]); /* one goes: there is room for another */
    for (int i = 0; i < 4; i++)
        assert_true(loop_step(loop, 0) >= 0);
    controls[0] = attach(attaches);
    assert_int_equal(heard(controls[0], NULL, 0), PROTO_BEGUN);
    attaches_free(attaches);
    for (int i = 0; i < ATTACHES_MAX; i++)
        close(controls[i]);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attaches__are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
