/* The client against peers that are no brokers. With a broker: tests/sim/bus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/bus/mqtt.h"
#include "tests/lib/await.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum act { NOTHING, STOP, FREE };

struct fixture {
    struct clock_fake clock; /* time passes when a test says so */
    struct loop *loop;
    char dir[32], path[64];
    int listener;
    struct bus *bus;
    int connected, disconnected, code;
    char why[256];
    enum act act;
};

static void on_connected(void *ctx, bool present)
{
    struct fixture *f = ctx;

    (void)present;
    f->connected++;
    if (f->act == FREE) {
        f->bus->free(f->bus);
        f->bus = NULL;
    }
    if (f->act == STOP)
        f->bus->stop(f->bus);
}

static void on_disconnected(void *ctx, const struct err *err)
{
    struct fixture *f = ctx;

    f->disconnected++;
    f->code = err->code;
    snprintf(f->why, sizeof(f->why), "%s", err->msg);
    if (f->act == FREE) {
        f->bus->free(f->bus);
        f->bus = NULL;
    }
    if (f->act == STOP)
        f->bus->stop(f->bus);
}

static const struct bus_handler handler = {.connected = on_connected,
                                           .disconnected = on_disconnected};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-mqtt-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
    f->listener = -1;
    clock_fake_init(&f->clock, 1000 * NS_PER_S, 0);
    assert_int_equal(loop_new(&f->clock.clock, &f->loop, NULL), 0);
    const struct mqtt_spec spec = {.client_id = "x",
                                   .unix_path = f->path,
                                   .keepalive_s = 10,
                                   .backoff_min_ns = 10 * NS_PER_MS,
                                   .backoff_max_ns = 50 * NS_PER_MS,
                                   .rng = rng_system()};
    assert_int_equal(mqtt_new(f->loop, &spec, &f->bus, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->bus)
        f->bus->free(f->bus);
    loop_free(f->loop);
    if (f->listener >= 0)
        close(f->listener);
    unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static void listen_here(struct fixture *f)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(f->listener, 5), 0);
}

/* Time passes, and everything that is due in it is done in its turn. */
static void pass_ms(struct fixture *f, int ms)
{
    for (int i = 0; i < ms; i++) {
        clock_fake_advance(&f->clock, NS_PER_MS);
        assert_int_equal(loop_step(f->loop, 0), 0);
    }
    await_quiet(f->loop);
}

/* A client that is there, and what it has said first. */
static int accept_one(struct fixture *f)
{
    char data[256];
    int fd = -1;

    AWAIT((fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0,
          pass_ms(f, 1));
    AWAIT(read(fd, data, sizeof(data)) > 2, await_turn(f->loop));
    assert_int_equal((uint8_t)data[0], 0x10);
    return fd;
}

static void test_mqtt__goes_on_trying_and_says_why(void **state)
{
    struct fixture *f = *state;
    const struct bus_msg msg = {.topic = "a", .qos = 1};

    assert_int_equal(f->bus->start(f->bus, &handler, f, NULL), 0);
    assert_int_equal(f->bus->start(f->bus, &handler, f, NULL), -EALREADY);
    pass_ms(f, 500);
    assert_true(f->disconnected >= 9);   /* one each 50 ms at the least */
    assert_true(f->disconnected <= 200); /* not a busy loop */
    assert_int_equal(f->code, -ENOENT);
    assert_non_null(strstr(f->why, f->path));
    assert_false(f->bus->is_connected(f->bus));
    assert_int_equal(f->bus->publish(f->bus, &msg, NULL, NULL), -ENOTCONN);
    f->bus->stop(f->bus);
    int before = f->disconnected;
    pass_ms(f, 500);
    assert_int_equal(f->disconnected, before);
}

static void test_mqtt__can_be_stopped_and_freed_in_its_callbacks(void **state)
{
    struct fixture *f = *state;

    f->act = STOP;
    assert_int_equal(f->bus->start(f->bus, &handler, f, NULL), 0);
    pass_ms(f, 500);
    assert_int_equal(f->disconnected, 1);
    f->act = FREE;
    assert_int_equal(f->bus->start(f->bus, &handler, f, NULL), 0);
    pass_ms(f, 500);
    assert_int_equal(f->disconnected, 2);
    assert_null(f->bus);
}

static const uint8_t connack[] = {0x20, 3, 0, 0, 0};

static void test_mqtt__can_be_freed_inside_libmosquitto(void **state)
{
    struct fixture *f = *state;

    listen_here(f);
    f->act = FREE;
    assert_int_equal(f->bus->start(f->bus, &handler, f, NULL), 0);
    int fd = accept_one(f);
    assert_int_equal(write(fd, connack, sizeof(connack)), sizeof(connack));
    AWAIT(f->connected == 1, await_turn(f->loop));
    assert_null(f->bus);
    close(fd);
}

static void test_mqtt__can_be_stopped_inside_libmosquitto(void **state)
{
    struct fixture *f = *state;
    char data[256];

    listen_here(f);
    f->act = STOP;
    assert_int_equal(f->bus->start(f->bus, &handler, f, NULL), 0);
    int fd = accept_one(f);
    assert_int_equal(write(fd, connack, sizeof(connack)), sizeof(connack));
    AWAIT(f->disconnected == 1, await_turn(f->loop));
    assert_int_equal(f->connected, 1);
    assert_int_equal(f->code, 0);
    /* An orderly end: DISCONNECT, end of the stream. */
    assert_true(read(fd, data, sizeof(data)) > 0);
    assert_int_equal((uint8_t)data[0], 0xe0);
    assert_int_equal(read(fd, data, sizeof(data)), 0);
    close(fd);
}

/* Whatever comes instead of MQTT ends the connection, and nothing else. */
static void test_mqtt__garbage_is_survived(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool greet;
    } cases[] = {
        {"\x00\x00", 2, false},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", 28, false},
        {"\x20\x03\x00\x87\x00", 5, false},        /* CONNACK: not authorized */
        {"\x20\x7f", 2, false},                    /* and no more */
        {"\x32\xff\xff\xff\xff", 5, true},         /* a length of five bytes */
        {"\x32\x03\x00\xff", 4, true},             /* a topic longer than its packet */
        {"\x30\x05\x00\x03\x61\x00\x62", 7, true}, /* NUL in a topic */
        {"\x40\x02\xff\xff", 4, true},             /* PUBACK of nothing */
        {"\x90\x04\x00\x01\x00\x87", 6, true},     /* SUBACK: not authorized */
        {"\xe0\x02\x8e\x00", 4, true},             /* DISCONNECT: taken over */
        {"\xf0\x00", 2, true},
    };
    struct fixture *f = *state;

    listen_here(f);
    assert_int_equal(f->bus->start(f->bus, &handler, f, NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = accept_one(f), before = f->disconnected;

        if (cases[i].greet)
            assert_int_equal(write(fd, connack, sizeof(connack)), sizeof(connack));
        assert_int_equal(write(fd, cases[i].bytes, cases[i].len), cases[i].len);
        await_quiet(f->loop); /* it may have had enough already */
        close(fd);
        AWAIT(f->disconnected > before, await_turn(f->loop));
        assert_int_equal(f->disconnected, before + 1);
        assert_true(f->code < 0);
        if (cases[i].len == 5 && !cases[i].greet)
            assert_int_equal(f->code, -EACCES);
        if ((uint8_t)cases[i].bytes[0] == 0xe0)
            assert_int_equal(f->code, -EADDRINUSE);
    }
}

static void test_mqtt__a_silent_broker_is_given_up(void **state)
{
    struct fixture *f = *state;

    listen_here(f);
    assert_int_equal(f->bus->start(f->bus, &handler, f, NULL), 0);
    int fd = accept_one(f);
    pass_ms(f, 14900);
    assert_int_equal(f->disconnected, 0);
    pass_ms(f, 101);
    assert_int_equal(f->disconnected, 1);
    assert_int_equal(f->code, -ETIMEDOUT);
    close(fd);
}

static void test_mqtt__refuses_a_bad_spec(void **state)
{
    struct fixture *f = *state;
    struct bus *bus = NULL;
    const struct bus_msg will = {.topic = "a/#"};
    const struct mqtt_spec good = {.client_id = "x",
                                   .unix_path = "/x",
                                   .keepalive_s = 5,
                                   .backoff_min_ns = 1,
                                   .backoff_max_ns = 1,
                                   .rng = rng_system()};
    struct mqtt_spec bad[6];

    for (size_t i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].client_id = NULL;
    bad[1].unix_path = NULL;
    bad[2].keepalive_s = 4;
    bad[3].backoff_min_ns = 0;
    bad[4].rng = NULL;
    bad[5].will = &will;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(mqtt_new(f->loop, &bad[i], &bus, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mqtt__goes_on_trying_and_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mqtt__can_be_stopped_and_freed_in_its_callbacks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_mqtt__can_be_freed_inside_libmosquitto, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_mqtt__can_be_stopped_inside_libmosquitto, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_mqtt__garbage_is_survived, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mqtt__a_silent_broker_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mqtt__refuses_a_bad_spec, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
