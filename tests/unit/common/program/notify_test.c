#include "common/program/notify.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A service manager, and a program that it starts. */
struct fixture {
    struct clock_fake clock;
    struct loop *loop;
    char name[64];
    int fd;
};

static void open_fixture(struct fixture *f, char kind)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct err err = {0};
    clock_fake_init(&f->clock, 1000, 0);
    assert_int_equal(loop_new(&f->clock.clock, &f->loop, &err), 0);
    int len = snprintf(f->name, sizeof(f->name), "%stmp/limpet-notify-%d", kind == '@' ? "@" : "/",
                       (int)getpid());
    memcpy(address.sun_path, f->name, (size_t)len);
    if (kind == '@')
        address.sun_path[0] = '\0';
    f->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
                     0);
    setenv("NOTIFY_SOCKET", f->name, 1);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void close_fixture(struct fixture *f)
{
    loop_free(f->loop);
    close(f->fd);
    unlink(f->name);
    unsetenv("NOTIFY_SOCKET");
}

/* What it was told since the last time; NULL: nothing. */
static void expect(const struct fixture *f, const char *message)
{
    char text[64];
    ssize_t n = recv(f->fd, text, sizeof(text) - 1, 0);
    if (!message) {
        assert_int_equal(n, -1);
        return;
    }
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, message);
}

static void pass(struct fixture *f, int64_t ns)
{
    clock_fake_advance(&f->clock, ns);
    assert_int_equal(loop_step(f->loop, 0), 0);
}

static void test_notify__life(void **state)
{
    (void)state;
    for (const char *kind = "/@"; *kind; kind++) {
        struct fixture f;
        open_fixture(&f, *kind);
        struct notify *notify = notify_new(f.loop);
        assert_non_null(notify);
        expect(&f, NULL);
        notify_ready(notify);
        expect(&f, "READY=1");
        pass(&f, 3600 * NS_PER_S);
        expect(&f, NULL); /* no watchdog was asked for */
        notify_stopping(notify);
        expect(&f, "STOPPING=1");
        notify_free(notify);
        expect(&f, NULL);
        close_fixture(&f);
    }
}

static void test_notify__watchdog(void **state)
{
    (void)state;
    struct fixture f;
    char pid[16];
    open_fixture(&f, '/');
    setenv("WATCHDOG_USEC", "10000000", 1);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    struct notify *notify = notify_new(f.loop);
    pass(&f, 60 * NS_PER_S);
    expect(&f, NULL); /* not ready: the manager does not wait for it either */
    notify_ready(notify);
    expect(&f, "READY=1");
    expect(&f, "WATCHDOG=1");
    for (int i = 0; i < 3; i++) {
        pass(&f, 5 * NS_PER_S - 1);
        expect(&f, NULL);
        pass(&f, 1);
        expect(&f, "WATCHDOG=1");
    }
    expect(&f, NULL);
    notify_free(notify);
    close_fixture(&f);
}

static void test_notify__watchdog_of_another(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"10000000", "1"}, {"10000000", "x"}, {"soon", NULL}, {"18446744073709551615", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct fixture f;
        open_fixture(&f, '/');
        setenv("WATCHDOG_USEC", wrong[i][0], 1);
        if (wrong[i][1])
            setenv("WATCHDOG_PID", wrong[i][1], 1);
        struct notify *notify = notify_new(f.loop);
        notify_ready(notify);
        expect(&f, "READY=1");
        pass(&f, 3600 * NS_PER_S);
        expect(&f, NULL);
        notify_free(notify);
        close_fixture(&f);
    }
}

/* A child that has the variables could say that we are ready. */
static void test_notify__environment(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, '/');
    setenv("WATCHDOG_USEC", "10000000", 1);
    struct notify *notify = notify_new(f.loop);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    notify_free(notify);
    close_fixture(&f);
}

static void test_notify__nobody_listens(void **state)
{
    (void)state;
    static const char *const names[] = {NULL,       "", "/", "@", "relative", "/no/such/socket",
                                        "vsock:2:1"};
    struct fixture f;
    open_fixture(&f, '/');
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i])
            setenv("NOTIFY_SOCKET", names[i], 1);
        else
            unsetenv("NOTIFY_SOCKET");
        struct notify *notify = notify_new(f.loop);
        assert_null(notify);
        notify_ready(notify);
        notify_stopping(notify);
        notify_free(notify);
    }
    /* One that went away while we ran. */
    setenv("NOTIFY_SOCKET", f.name, 1);
    struct notify *notify = notify_new(f.loop);
    close(f.fd);
    notify_ready(notify);
    notify_stopping(notify);
    notify_free(notify);
    f.fd = -1;
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notify__life),
        cmocka_unit_test(test_notify__watchdog),
        cmocka_unit_test(test_notify__watchdog_of_another),
        cmocka_unit_test(test_notify__environment),
        cmocka_unit_test(test_notify__nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
