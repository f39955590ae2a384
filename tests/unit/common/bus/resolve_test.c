#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bus/dial.h"
#include "common/bus/resolve.h"
#include "tests/lib/await.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG (60 * NS_PER_S)

struct got {
    int calls, fd;
    size_t count;
    union resolve_addr addr;
    struct err err;
};

static void on_resolved(void *ctx, const union resolve_addr *addrs, size_t count,
                        const struct err *err)
{
    struct got *g = ctx;

    g->calls++;
    g->count = count;
    if (count)
        g->addr = addrs[0];
    g->err = *err;
}

static void on_dialed(void *ctx, int fd, const struct err *err)
{
    struct got *g = ctx;

    g->calls++;
    g->fd = fd;
    g->err = *err;
}

static int setup(void **state)
{
    struct loop *loop = NULL;

    assert_int_equal(loop_new(clock_system(), &loop, NULL), 0);
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    assert_int_equal(waitpid(-1, NULL, 0), -1); /* no child is left, running or dead */
    assert_int_equal(errno, ECHILD);
    return 0;
}

static void run(struct loop *loop, const struct got *g)
{
    AWAIT(g->calls, await_turn(loop));
    assert_int_equal(g->calls, 1);
}

static void test_resolve__addresses_and_names(void **state)
{
    static const struct {
        const char *host;
        int family;
    } cases[] = {{"127.0.0.1", AF_INET}, {"::1", AF_INET6}, {"localhost", 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct resolve *r = NULL;
        struct got g = {0};

        assert_int_equal(resolve_new(*state, cases[i].host, 8883, LONG, on_resolved, &g, &r, NULL),
                         0);
        assert_int_equal(g.calls, 0);
        run(*state, &g);
        assert_true(g.count >= 1);
        if (cases[i].family)
            assert_int_equal(g.addr.sa.sa_family, cases[i].family);
        assert_int_equal(g.addr.sa.sa_family == AF_INET ? g.addr.v4.sin_port : g.addr.v6.sin6_port,
                         htons(8883));
        resolve_free(r);
    }
}

static void test_resolve__a_name_without_address_is_said(void **state)
{
    struct resolve *r = NULL;
    struct got g = {0};

    assert_int_equal(resolve_new(*state, "no-such.invalid", 1, LONG, on_resolved, &g, &r, NULL), 0);
    run(*state, &g);
    assert_int_equal(g.count, 0);
    assert_int_equal(g.err.code, -EHOSTUNREACH);
    assert_non_null(strstr(g.err.msg, "no-such.invalid"));
    resolve_free(r);
}

static void test_resolve__cancelled_it_leaves_nothing(void **state)
{
    struct resolve *r = NULL;
    struct got g = {0};

    for (int i = 0; i < 5; i++) {
        assert_int_equal(resolve_new(*state, "localhost", 1, LONG, on_resolved, &g, &r, NULL), 0);
        resolve_free(r);
    }
    assert_int_equal(loop_step(*state, 0), 0);
    assert_int_equal(g.calls, 0);
}

static void test_dial__connects_or_says_why(void **state)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct dial *d = NULL;
    struct got g = {.fd = -2};

    assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    /* Bound, not listening: refused. */
    assert_int_equal(
        dial_new(*state, "127.0.0.1", ntohs(addr.sin_port), LONG, on_dialed, &g, &d, NULL), 0);
    run(*state, &g);
    assert_int_equal(g.fd, -1);
    assert_int_equal(g.err.code, -ECONNREFUSED);
    dial_free(d);
    assert_int_equal(listen(listener, 1), 0);
    g = (struct got){.fd = -2};
    assert_int_equal(
        dial_new(*state, "localhost", ntohs(addr.sin_port), LONG, on_dialed, &g, &d, NULL), 0);
    run(*state, &g); /* ::1 refuses where it is tried first */
    assert_true(g.fd >= 0);
    close(g.fd);
    dial_free(d);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resolve__addresses_and_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolve__a_name_without_address_is_said, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_resolve__cancelled_it_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dial__connects_or_says_why, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
