/* Joining where there is no gateway, or one that does not want us. With one: tests/system. */
#include "agent/link/join.h"

#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "common/fs/path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A clock that runs twenty times as fast as the real one. */
static int64_t fast_boot(const struct clock *clock)
{
    (void)clock;
    return clock_boot(clock_system()) * 20;
}
static const struct clock fast = {.boot_ns = fast_boot, .wall_ns = fast_boot};

struct fixture {
    struct loop *loop;
    char dir[40];
    int listener, port;
    struct loop_io *io;
    int call, calls;     /* at the gateway's door: the last one, and how many */
    const char *answers; /* to each, seven bytes; then the door is closed */
    struct join *join;
    int done, code, waits;
    char why[256];
    int64_t begun, ended;
};

static void on_call(void *ctx, int fd, uint32_t events)
{
    struct fixture *f = ctx;
    (void)events;
    if (f->call >= 0)
        close(f->call);
    f->call = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(f->call >= 0);
    f->calls++;
    assert_true(write(f->call, f->answers, 7) == 7);
    shutdown(f->call, SHUT_WR);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    *state = f;
    f->call = -1;
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-join-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(loop_new(&fast, &f->loop, NULL), 0);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&addr, &len), 0);
    f->port = ntohs(addr.sin_port); /* bound, but nobody listens yet: nobody else will either */
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    join_free(f->join);
    loop_io_free(f->io);
    close(f->listener);
    if (f->call >= 0)
        close(f->call);
    loop_free(f->loop);
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, f->dir + strlen("/tmp/")), 0);
    free(f);
    return 0;
}

static void on_done(void *ctx, int code, const char *node, const char *message)
{
    struct fixture *f = ctx;
    (void)node;
    f->done++;
    f->code = code;
    f->ended = loop_now(f->loop);
    snprintf(f->why, sizeof(f->why), "%s", message);
}

static void on_waiting(void *ctx, const char *message)
{
    struct fixture *f = ctx;
    f->waits++;
    snprintf(f->why, sizeof(f->why), "%s", message);
}

static void begin(struct fixture *f, const char *answers)
{
    static const struct join_handler handler = {on_done, on_waiting};
    const struct enroll_token token = {.id = "abc123", .secret = {1}};
    char identity[60];
    snprintf(identity, sizeof(identity), "%s/identity", f->dir);
    const struct join_spec spec = {.disk = disk_posix(),
                                   .identity_dir = identity,
                                   .name = "pi-01",
                                   .token = &token,
                                   .host = "127.0.0.1",
                                   .port = f->port,
                                   .run_dir = f->dir,
                                   .rng = rng_system()};
    struct err err = {0};
    join_free(f->join);
    loop_io_free(f->io);
    if (answers) {
        f->answers = answers;
        assert_int_equal(listen(f->listener, 5), 0);
        assert_int_equal(loop_io_new(f->loop, f->listener, EPOLLIN, on_call, f, &f->io, NULL), 0);
    }
    f->begun = loop_now(f->loop);
    if (join_new(f->loop, &spec, &handler, f, &f->join, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Until *counter reaches `want`, within a minute of its time. */
static void until(struct fixture *f, const int *counter, int want)
{
    while (*counter < want && loop_now(f->loop) - f->begun < 60 * NS_PER_S)
        assert_int_equal(loop_step(f->loop, NS_PER_S / 10), 0);
    if (*counter < want)
        fail_msg("waited in vain; last words: %s", f->why);
}

/* Fatal alerts (RFC 5246 section 7.2) that mean that the token is not (or no longer) one. */
static void test_join__ends_when_the_token_is_refused(void **state)
{
    static const char *const alerts[] = {
        "\x15\x03\x03\x00\x02\x02\x73", /* unknown_psk_identity */
        "\x15\x03\x03\x00\x02\x02\x14", /* bad_record_mac: the secret is wrong */
        "\x15\x03\x03\x00\x02\x02\x33", /* decrypt_error */
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        f->done = f->calls = 0;
        begin(f, alerts[i]);
        until(f, &f->done, 1);
        assert_int_equal(f->code, -EACCES);
        assert_non_null(strstr(f->why, "the token is wrong, was deleted, or has expired"));
        assert_true(f->calls > 1); /* it may just not have reached the broker yet */
        assert_true(f->ended - f->begun >= 2 * NS_PER_S);
    }
    /* It is over: nothing more is said. */
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_step(f->loop, NS_PER_S / 50), 0);
    assert_int_equal(f->done, 1);
}

static void test_join__a_gateway_out_of_reach_is_tried_again(void **state)
{
    struct fixture *f = *state;
    begin(f, NULL);
    until(f, &f->waits, 5);
    assert_int_equal(f->done, 0);
    assert_non_null(strstr(f->why, "Connection refused"));
}

/* Another server at that port says nothing about the token. */
static void test_join__what_is_no_gateway_is_tried_again(void **state)
{
    struct fixture *f = *state;
    begin(f, "\x15\x03\x03\x00\x02\x02\x28"); /* handshake_failure */
    until(f, &f->waits, 5);
    assert_int_equal(f->done, 0);
    f->answers = "HTTP/1.";
    until(f, &f->waits, 8);
    assert_int_equal(f->done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_join__ends_when_the_token_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_join__a_gateway_out_of_reach_is_tried_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_join__what_is_no_gateway_is_tried_again, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
