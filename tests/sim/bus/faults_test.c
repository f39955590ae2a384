/* What can be done to the fake broker, so that a simulation can trust its own disasters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/fake/bus_fake.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct end {
    struct bus *bus;
    int connected, disconnected, heard, acks, lost, code;
    int seen[256];
    int backwards; /* messages that came after a later one */
    int last;
};

struct world {
    struct clock_fake clock;
    struct loop *loop;
    struct bus_fake *fake;
    struct end a, b;
};

static void on_connected(void *ctx, bool present)
{
    struct end *e = ctx;

    (void)present;
    e->connected++;
    assert_int_equal(e->bus->subscribe(e->bus, "to/#", 1, NULL), 0);
}

static void on_disconnected(void *ctx, const struct err *err)
{
    struct end *e = ctx;

    e->disconnected++;
    e->code = err->code;
}

static void on_message(void *ctx, const struct bus_msg *msg)
{
    struct end *e = ctx;
    int n = atoi(msg->payload ? (const char *)msg->payload : "0");

    e->heard++;
    e->seen[n & 255]++;
    e->backwards += n < e->last;
    e->last = n;
}

static void on_acked(void *ctx, uint32_t id, int code)
{
    struct end *e = ctx;

    (void)id;
    e->acks++;
    e->lost += code == -ENOTCONN;
}

static const struct bus_handler handler = {on_connected, on_disconnected, on_message, on_acked};

static void run(struct world *w, int64_t ns)
{
    int64_t end = loop_now(w->loop) + ns;

    while (loop_now(w->loop) < end || loop_next(w->loop) <= end) {
        int64_t next = loop_next(w->loop), now = loop_now(w->loop);

        if (next > end)
            next = end;
        if (next > now)
            clock_fake_advance(&w->clock, next - now);
        assert_int_equal(loop_step(w->loop, 0), 0);
        if (loop_now(w->loop) >= end && loop_next(w->loop) > end)
            break;
    }
}

static void add(struct world *w, struct end *e, const char *id)
{
    const struct bus_fake_client spec = {.client_id = id,
                                         .session_expiry_s = 300,
                                         .keepalive_s = 10,
                                         .backoff_min_ns = NS_PER_S / 10,
                                         .backoff_max_ns = NS_PER_S};

    e->bus = bus_fake_client(w->fake, &spec);
    assert_int_equal(e->bus->start(e->bus, &handler, e, NULL), 0);
}

static int setup_seed(void **state, uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));

    clock_fake_init(&w->clock, 0, 0);
    assert_int_equal(loop_new(&w->clock.clock, &w->loop, NULL), 0);
    w->fake = bus_fake_new(w->loop, seed);
    add(w, &w->a, "a");
    add(w, &w->b, "b");
    run(w, NS_PER_S);
    assert_int_equal(w->a.connected + w->b.connected, 2);
    *state = w;
    return 0;
}

static int setup(void **state)
{
    return setup_seed(state, 7);
}

static int teardown(void **state)
{
    struct world *w = *state;

    w->a.bus->free(w->a.bus);
    w->b.bus->free(w->b.bus);
    bus_fake_free(w->fake);
    loop_free(w->loop);
    free(w);
    return 0;
}

static int say(struct end *e, int n, bool retain)
{
    char text[16];
    struct bus_msg msg = {.topic = "to/b", .payload = text, .qos = 1, .retain = retain};

    msg.len = (size_t)snprintf(text, sizeof(text), "%d", n) + 1;
    return e->bus->publish(e->bus, &msg, NULL, NULL);
}

static void test_faults__lost_doubled_and_overtaken(void **state)
{
    static const struct {
        struct bus_fake_faults faults;
        bool lost, doubled, overtaken;
    } cases[] = {
        {{0}, false, false, false},
        {{.drop = 300}, true, false, false},
        {{.duplicate = 300}, false, true, false},
        {{.reorder = 300}, false, false, true},
        {{.delay_min_ns = NS_PER_MS, .delay_max_ns = 20 * NS_PER_MS}, false, false, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *w = *state;
        int missing = 0, twice = 0;

        memset(w->b.seen, 0, sizeof(w->b.seen));
        w->b.backwards = w->b.last = 0;
        bus_fake_set_faults(w->fake, &cases[i].faults);
        for (int n = 0; n < 200; n++)
            assert_int_equal(say(&w->a, n, false), 0);
        run(w, NS_PER_S);
        for (int n = 0; n < 200; n++) {
            missing += w->b.seen[n] == 0;
            twice += w->b.seen[n] > 1;
        }
        assert_int_equal(missing > 0, cases[i].lost);
        assert_int_equal(twice > 0, cases[i].doubled);
        assert_int_equal(w->b.backwards > 0, cases[i].overtaken);
        assert_int_equal(w->a.lost, 0); /* acknowledged all the same */
    }
}

/* Breaking connections: at least once, as QoS 1 promises, once each side is connected again. */
static void test_faults__disconnects_lose_nothing_that_was_acknowledged(void **state)
{
    const struct bus_fake_faults often = {.disconnect = 20}, none = {0};
    struct world *w = *state;

    bus_fake_set_faults(w->fake, &often);
    for (int n = 0; n < 200; n++) {
        for (int tries = 0; tries < 100; tries++) { /* an outbox: again until it is acknowledged */
            int acks = w->a.acks, lost = w->a.lost;

            if (say(&w->a, n, false) == 0)
                run(w, 50 * NS_PER_MS);
            else
                run(w, NS_PER_S);
            if (w->a.acks > acks && w->a.lost == lost)
                break;
        }
    }
    bus_fake_set_faults(w->fake, &none);
    run(w, 20 * NS_PER_S);
    assert_true(w->a.disconnected > 3 && w->b.disconnected > 3);
    for (int n = 0; n < 200; n++)
        assert_true(w->b.seen[n] >= 1);
}

static void test_faults__a_cut_link_is_noticed_by_keepalive(void **state)
{
    struct world *w = *state;

    bus_fake_cut(w->fake, "b");
    assert_int_equal(say(&w->a, 1, false), 0);
    run(w, 5 * NS_PER_S);
    assert_int_equal(w->b.heard, 0);
    assert_int_equal(w->b.disconnected, 0);
    bus_fake_heal(w->fake, "b"); /* in time: nobody noticed */
    run(w, NS_PER_S);
    assert_int_equal(w->b.heard, 1);
    assert_int_equal(w->b.disconnected, 0);
    bus_fake_cut(w->fake, "b");
    run(w, 21 * NS_PER_S);
    assert_int_equal(w->b.disconnected, 1);
    assert_int_equal(w->b.code, -ETIMEDOUT);
    assert_int_equal(say(&w->a, 2, false), 0);
    run(w, 60 * NS_PER_S);
    assert_int_equal(w->b.heard, 1);
    assert_int_equal(w->b.connected, 1);
    bus_fake_heal(w->fake, "b");
    run(w, 20 * NS_PER_S);
    assert_int_equal(w->b.connected, 2);
    assert_int_equal(w->b.seen[2], 1);
}

static void test_faults__a_broker_that_is_down_refuses(void **state)
{
    struct world *w = *state;

    assert_int_equal(say(&w->a, 1, true), 0);
    run(w, NS_PER_S);
    assert_non_null(bus_fake_retained(w->fake, "to/b"));
    bus_fake_kill(w->fake);
    run(w, 10 * NS_PER_S);
    assert_int_equal(w->a.connected, 1);
    assert_true(w->a.disconnected > 3); /* it goes on trying */
    assert_int_equal(w->a.code, -ECONNREFUSED);
    assert_int_equal(say(&w->a, 2, false), -ENOTCONN);
    bus_fake_start(w->fake, false);
    run(w, 5 * NS_PER_S);
    assert_int_equal(w->a.connected, 2);
    assert_int_equal(bus_fake_retained_count(w->fake, "to/#"), 1);
    bus_fake_wipe(w->fake);
    run(w, 5 * NS_PER_S);
    assert_int_equal(w->a.connected, 3);
    assert_int_equal(bus_fake_retained_count(w->fake, "#"), 0);
}

static void test_faults__a_captured_broker_says_what_it_likes(void **state)
{
    const struct bus_msg lie = {
        .topic = "to/b", .payload = "9", .len = 2, .qos = 1, .retain = true};
    struct world *w = *state;

    bus_fake_inject(w->fake, &lie);
    run(w, NS_PER_S);
    assert_int_equal(w->b.seen[9], 1);
    assert_memory_equal(bus_fake_retained(w->fake, "to/b")->payload, "9", 2);
}

/* The same seed is the same story. */
static void test_faults__a_seed_repeats(void **state)
{
    const struct bus_fake_faults faults = {.drop = 100,
                                           .duplicate = 100,
                                           .reorder = 100,
                                           .disconnect = 5,
                                           .delay_max_ns = 5 * NS_PER_MS};
    int first[256] = {0};

    (void)state;
    for (int round = 0; round < 2; round++) {
        void *inner = NULL;

        setup_seed(&inner, 42);
        struct world *w = inner;
        bus_fake_set_faults(w->fake, &faults);
        for (int n = 0; n < 200; n++) {
            (void)say(&w->a, n, false);
            run(w, 3 * NS_PER_MS);
        }
        run(w, 10 * NS_PER_S);
        if (round == 0)
            memcpy(first, w->b.seen, sizeof(first));
        else
            assert_memory_equal(first, w->b.seen, sizeof(first));
        teardown(&inner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_faults__lost_doubled_and_overtaken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults__disconnects_lose_nothing_that_was_acknowledged,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults__a_cut_link_is_noticed_by_keepalive, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_faults__a_broker_that_is_down_refuses, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_faults__a_captured_broker_says_what_it_likes, setup,
                                        teardown),
        cmocka_unit_test(test_faults__a_seed_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
