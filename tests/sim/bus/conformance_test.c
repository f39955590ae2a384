/* What our code relies on in a broker, required of mosquitto and of the fake alike. */
#include "world.h"

#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NODE "pi-01.0123abcd"
#define UP "limpet/v1/nodes/" NODE "/up/"
#define DOWN "limpet/v1/nodes/" NODE "/down/"

/* A node: by TLS, with a node's rights. */
static struct peer *node(struct world *w, const char *id, uint32_t expiry)
{
    const struct peer_spec spec = {.id = id, .user = NODE, .session_expiry_s = expiry};

    return peer_new(w, &spec);
}

/* The one who may do everything, on the unix socket. */
static struct peer *controller(struct world *w)
{
    const struct peer_spec spec = {.id = "controller", .session_expiry_s = 60};

    return peer_new(w, &spec);
}

static void test_bus__a_session_is_kept_and_ends(void **state)
{
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *a = node(w, "a", 60);
    assert_false(a->present);
    peer_stop(a);
    peer_start(a);
    assert_true(a->present);
    peer_free(a); /* a process killed */
    a = node(w, "a", 2);
    assert_true(a->present);
    peer_stop(a);
    world_sleep(w, 4 * NS_PER_S);
    peer_start(a);
    assert_false(a->present);
    peer_free(a);
    struct peer *clean = node(w, "b", 0);
    peer_stop(clean);
    peer_start(clean);
    assert_false(clean->present);
    peer_free(clean);
}

static void test_bus__retained(void **state)
{
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    peer_say(c, DOWN "desired", "old", 1, true);
    peer_say(c, DOWN "desired", "new", 1, true);
    peer_say(c, DOWN "lease", "not kept", 1, false);
    peer_listen(a, DOWN "#", 1);
    world_until(w, &a->heard, 1);
    assert_string_equal(a->said[0].text, "new");
    assert_true(a->said[0].retain);
    assert_int_equal(a->said[0].qos, 1);
    peer_say(c, DOWN "desired", "live", 1, true);
    world_until(w, &a->heard, 2);
    assert_string_equal(a->said[1].text, "live");
    assert_false(a->said[1].retain); /* forwarded to those who listen already: not marked */
    peer_listen(a, DOWN "#", 1);     /* asked for again: said again */
    world_until(w, &a->heard, 3);
    assert_string_equal(a->said[2].text, "live");
    assert_true(a->said[2].retain);
    peer_say(c, DOWN "desired", "", 1, true); /* empty clears, and is forwarded */
    world_until(w, &a->heard, 4);
    assert_string_equal(a->said[3].text, "");
    peer_listen(a, DOWN "#", 1);
    world_sleep(w, NS_PER_S / 5);
    assert_int_equal(a->heard, 4);
    peer_free(a);
    peer_free(c);
}

/* A look at what is retained: the subscription has ended when it comes. */
static void test_bus__retained_outlives_its_subscription(void **state)
{
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    for (int i = 0; i < 100; i++) {
        char topic[64];
        snprintf(topic, sizeof(topic), DOWN "Pod/default/p%d", i);
        peer_say(c, topic, "kept", 1, true);
    }
    peer_listen(a, DOWN "x", 1);
    assert_int_equal(a->bus->subscribe(a->bus, DOWN "#", 1, NULL), 0);
    assert_int_equal(a->bus->unsubscribe(a->bus, DOWN "#", NULL), 0);
    world_until(w, &a->heard, 100);
    for (int i = 0; i < 100; i++)
        assert_true(a->said[i].retain);
    peer_say(c, DOWN "desired", "live", 1, false); /* nothing more */
    peer_say(c, DOWN "x", "heard", 1, false);
    world_until(w, &a->heard, 101);
    assert_string_equal(a->said[100].text, "heard");
    peer_free(a);
    peer_free(c);
}

static void test_bus__qos_is_the_lower_of_both(void **state)
{
    static const struct {
        int said, asked, got;
    } cases[] = {{0, 0, 0}, {0, 1, 0}, {1, 0, 0}, {1, 1, 1}};
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    for (int i = 0; i < (int)ARRAY_LEN(cases); i++) {
        peer_listen(a, DOWN "x", cases[i].asked); /* replaces the earlier one */
        peer_say(c, DOWN "x", "m", cases[i].said, false);
        world_until(w, &a->heard, i + 1);
        assert_int_equal(a->said[i].qos, cases[i].got);
    }
    peer_free(a);
    peer_free(c);
}

static void test_bus__away_qos1_waits_and_qos0_does_not(void **state)
{
    struct world *w = *state;
    char text[8];

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    peer_listen(a, DOWN "#", 1);
    peer_stop(a);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "%d", i);
        peer_say(c, DOWN "rpc/a", text, 1, false);
    }
    peer_say(c, DOWN "lease", "gone", 0, false);
    peer_start(a);
    assert_true(a->present);
    world_until(w, &a->heard, 20);
    world_sleep(w, NS_PER_S / 5);
    assert_int_equal(a->heard, 20);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "%d", i);
        assert_string_equal(a->said[i].text, text);
    }
    peer_free(a);
    peer_free(c);
}

static const struct bus_msg will = {
    .topic = UP "online", .payload = "offline", .len = 7, .qos = 1, .retain = true};

static void test_bus__a_will_is_said_when_a_process_dies(void **state)
{
    const struct peer_spec spec = {.id = "a", .user = NODE, .session_expiry_s = 60, .will = &will};
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = peer_new(w, &spec), *late;
    peer_listen(c, UP "#", 1);
    peer_say(a, UP "online", "online", 1, true);
    world_until(w, &c->heard, 1);
    peer_free(a);
    world_until(w, &c->heard, 2);
    assert_string_equal(c->said[1].text, "offline");
    const struct peer_spec other = {.id = "late"};
    late = peer_new(w, &other);
    peer_listen(late, UP "online", 1);
    world_until(w, &late->heard, 1);
    assert_string_equal(late->said[0].text, "offline");
    assert_true(late->said[0].retain);
    /* An orderly end says nothing. */
    a = peer_new(w, &spec);
    peer_stop(a);
    world_sleep(w, NS_PER_S / 2);
    assert_int_equal(c->heard, 2);
    peer_free(a);
    peer_free(c);
    peer_free(late);
}

/* Its process dies, and is back before the will is due. Where the machine was too busy for that, it
 * is done again. *ret_heard: what c has heard before the last time. */
static struct peer *die_and_return(struct peer *a, const struct peer_spec *spec, struct peer *c,
                                   int *ret_heard)
{
    struct world *w = c->w;

    for (;;) {
        int64_t from = loop_now(w->loop);
        *ret_heard = c->heard;
        peer_free(a);
        world_sleep(w, NS_PER_S / 2);
        int heard = c->heard;
        a = peer_new(w, spec);
        if (loop_now(w->loop) - from < spec->will_delay_s * NS_PER_S) {
            assert_int_equal(heard, *ret_heard);
            return a;
        }
        peer_settle(c);
    }
}

static void test_bus__a_will_waits_and_a_return_cancels_it(void **state)
{
    const struct peer_spec spec = {
        .id = "a", .user = NODE, .session_expiry_s = 60, .will = &will, .will_delay_s = 2};
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = peer_new(w, &spec);
    int heard;
    peer_listen(c, UP "#", 1);
    a = die_and_return(a, &spec, c, &heard);
    assert_true(a->present);
    world_sleep(w, 4 * NS_PER_S);
    assert_int_equal(c->heard, heard);
    peer_free(a);
    world_until(w, &c->heard, heard + 1);
    assert_string_equal(c->said[heard].text, "offline");
    peer_free(c);
}

/* With the session the will is due, whatever its delay. */
static void test_bus__a_will_does_not_outlive_the_session(void **state)
{
    const struct peer_spec spec = {
        .id = "a", .user = NODE, .session_expiry_s = 1, .will = &will, .will_delay_s = 100};
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = peer_new(w, &spec);
    peer_listen(c, UP "#", 1);
    peer_free(a);
    world_until(w, &c->heard, 1);
    peer_free(c);
}

static void test_bus__messages_expire(void **state)
{
    const struct bus_msg brief = {.topic = DOWN "rpc/a",
                                  .payload = "brief",
                                  .len = 5,
                                  .qos = 1,
                                  .retain = true,
                                  .expiry_s = 1};
    struct bus_msg steady = brief;
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    steady.topic = DOWN "rpc/b";
    steady.payload = "steady";
    steady.len = 6;
    steady.expiry_s = 100;
    peer_listen(a, DOWN "#", 1);
    peer_stop(a);
    assert_int_equal(peer_say_msg(c, &brief), 0);
    assert_int_equal(peer_say_msg(c, &steady), 0);
    world_sleep(w, 3 * NS_PER_S);
    peer_start(a);
    world_until(w, &a->heard, 1);
    assert_string_equal(a->said[0].text, "steady");
    assert_true(a->said[0].expiry_s > 0 && a->said[0].expiry_s <= 98);
    peer_listen(a, DOWN "rpc/+", 1); /* nor is it retained any more */
    world_until(w, &a->heard, 2);
    world_sleep(w, NS_PER_S / 5);
    assert_int_equal(a->heard, 2);
    assert_string_equal(a->said[1].text, "steady");
    peer_free(a);
    peer_free(c);
}

static void test_bus__filters_and_unsubscribing(void **state)
{
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    peer_listen(c, "limpet/v1/nodes/+/up/status/+", 1);
    peer_say(a, UP "status/1", "yes", 1, false);
    peer_say(a, UP "status", "no", 1, false);
    peer_say(a, UP "status/1/2", "no", 1, false);
    peer_say(a, UP "events", "no", 1, false);
    peer_say(a, UP "status/2", "yes too", 1, false);
    world_until(w, &c->heard, 2);
    assert_string_equal(c->said[0].topic, UP "status/1");
    assert_string_equal(c->said[1].text, "yes too");
    assert_int_equal(c->bus->unsubscribe(c->bus, "limpet/v1/nodes/+/up/status/+", NULL), 0);
    peer_listen(c, UP "events", 1);
    peer_say(a, UP "status/1", "no", 1, false);
    peer_say(a, UP "events", "yes", 1, false);
    world_until(w, &c->heard, 3);
    assert_string_equal(c->said[2].topic, UP "events");
    peer_free(a);
    peer_free(c);
}

static void test_bus__properties_arrive(void **state)
{
    const struct bus_prop props[] = {{"trace", "1"}, {"generation", "7"}, {"trace", "2"}};
    const struct bus_msg msg = {.topic = DOWN "rpc/a",
                                .payload = "ask",
                                .len = 3,
                                .qos = 1,
                                .expiry_s = 10,
                                .response_topic = UP "rpc/a",
                                .correlation = "c-1",
                                .correlation_len = 3,
                                .props = props,
                                .prop_count = 3};
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    peer_listen(a, DOWN "#", 1);
    assert_int_equal(peer_say_msg(c, &msg), 0);
    world_until(w, &a->heard, 1);
    assert_string_equal(a->said[0].response, UP "rpc/a");
    assert_string_equal(a->said[0].correlation, "c-1");
    assert_string_equal(a->said[0].prop, "trace=1;generation=7;trace=2;");
    assert_true(a->said[0].expiry_s > 0 && a->said[0].expiry_s <= 10);
    peer_free(a);
    peer_free(c);
}

/* One client id twice: the later one has it, the earlier one is cut off. It does not learn why:
 * mosquitto 2.0.11 closes before its DISCONNECT is written. */
static void test_bus__a_session_is_taken_over(void **state)
{
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *a = node(w, "a", 60), *b = node(w, "a", 60);
    assert_true(b->present);
    world_until(w, &a->disconnected, 1);
    assert_int_equal(a->last_code, -ECONNRESET);
    peer_free(a);
    peer_free(b);
}

static void test_bus__what_publishing_answers(void **state)
{
    struct world *w = *state;
    static char big[BUS_MAX_PAYLOAD + 1];
    struct bus_msg msg = {.topic = UP "status/1", .payload = big, .len = 1, .qos = 1};

    if (!w)
        skip();
    struct peer *a = node(w, "a", 60);
    assert_int_equal(peer_say_msg(a, &msg), 0);
    msg.topic = DOWN "desired";
    assert_int_equal(peer_say_msg(a, &msg), -EACCES);
    msg.topic = "limpet/v1/nodes/pi-02.0123abcd/up/beat";
    assert_int_equal(peer_say_msg(a, &msg), -EACCES);
    msg.topic = UP "#";
    assert_int_equal(a->bus->publish(a->bus, &msg, NULL, NULL), -EINVAL);
    msg.topic = "";
    assert_int_equal(a->bus->publish(a->bus, &msg, NULL, NULL), -EINVAL);
    msg.topic = UP "status/1";
    msg.len = BUS_MAX_PAYLOAD + 1;
    assert_int_equal(a->bus->publish(a->bus, &msg, NULL, NULL), -EMSGSIZE);
    msg.len = BUS_MAX_PAYLOAD;
    assert_int_equal(peer_say_msg(a, &msg), 0);
    peer_stop(a);
    msg.len = 1;
    assert_int_equal(a->bus->publish(a->bus, &msg, NULL, NULL), -ENOTCONN);
    assert_int_equal(a->bus->subscribe(a->bus, "x", 1, NULL), -ENOTCONN);
    peer_free(a);
}

static void test_bus__in_flight_is_bounded(void **state)
{
    const struct bus_msg msg = {.topic = UP "status/1", .payload = "x", .len = 1, .qos = 1};
    struct world *w = *state;
    int sent = 0, rc;

    if (!w)
        skip();
    struct peer *a = node(w, "a", 60);
    while ((rc = a->bus->publish(a->bus, &msg, NULL, NULL)) == 0 && sent < 100000)
        sent++;
    assert_int_equal(rc, -ENOBUFS);
    assert_true(sent >= 100);
    world_until(w, &a->acks, sent); /* and it goes on afterwards */
    assert_int_equal(a->good, sent);
    peer_say(a, UP "status/1", "x", 1, false);
    peer_free(a);
}

static void test_bus__a_thousand_come_in_order(void **state)
{
    struct world *w = *state;
    char text[8];
    int sent = 0;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    peer_listen(a, DOWN "#", 1);
    while (sent < 1000) {
        struct bus_msg msg = {.topic = DOWN "rpc/a", .payload = text, .qos = 1};

        msg.len = (size_t)snprintf(text, sizeof(text), "%d", sent);
        if (c->bus->publish(c->bus, &msg, NULL, NULL) == 0)
            sent++;
        else
            world_until(w, &c->acks, c->acks + 1);
    }
    world_until(w, &a->heard, 1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "%d", i);
        assert_string_equal(a->said[i].text, text);
    }
    peer_free(a);
    peer_free(c);
}

/* Everybody is told, comes back by itself, and learns that nothing was kept. */
static void test_bus__the_broker_is_killed(void **state)
{
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    peer_listen(a, DOWN "#", 1);
    peer_say(c, DOWN "desired", "x", 1, true);
    world_until(w, &a->heard, 1);
    for (int i = 1; i <= 3; i++) {
        world_kill_broker(w);
        world_until(w, &a->disconnected, i);
        world_until(w, &c->disconnected, i);
        world_until(w, &a->connected, i + 1);
        world_until(w, &c->connected, i + 1);
        assert_false(a->present);
        assert_false(c->present);
    }
    peer_listen(a, DOWN "#", 1);
    world_sleep(w, NS_PER_S / 5);
    assert_int_equal(a->heard, 1); /* the retained message is gone too */
    peer_say(c, DOWN "desired", "again", 1, true);
    world_until(w, &a->heard, 2);
    peer_free(a);
    peer_free(c);
}

/* Each publish gets exactly one answer, also when the broker dies under it. */
static void test_bus__in_flight_when_the_broker_dies(void **state)
{
    const struct bus_msg msg = {.topic = UP "status/1", .payload = "x", .len = 1, .qos = 1};
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *a = node(w, "a", 60);
    for (int round = 0; round < 3; round++) {
        int before = a->acks, back = a->connected + 1;

        for (int i = 0; i < 50; i++)
            assert_int_equal(a->bus->publish(a->bus, &msg, NULL, NULL), 0);
        world_kill_broker(w);
        world_until(w, &a->acks, before + 50);
        world_until(w, &a->connected, back);
        world_sleep(w, NS_PER_S / 5);
        assert_int_equal(a->acks, before + 50);
        assert_int_equal(a->good + a->lost, a->acks);
    }
    peer_free(a);
}

/* QoS 0 to one topic again and again (mosquitto gets it by its alias), between others. */
static void test_bus__beats(void **state)
{
    static const char *const topics[] = {UP "beat", UP "b1", UP "beat", UP "b2", UP "b3",
                                         UP "b4",   UP "b5", UP "beat", UP "b1"};
    struct world *w = *state;

    if (!w)
        skip();
    struct peer *c = controller(w), *a = node(w, "a", 60);
    peer_listen(c, UP "#", 1);
    for (int round = 0; round < 2; round++) {
        int n = (int)ARRAY_LEN(topics), before = c->heard;

        for (int i = 0; i < n; i++)
            peer_say(a, topics[i], "x", 0, false);
        world_until(w, &c->heard, before + n);
        for (int i = 0; i < n; i++)
            assert_string_equal(c->said[before + i].topic, topics[i]);
        peer_stop(a); /* aliases are a connection's */
        peer_start(a);
    }
    peer_free(a);
    peer_free(c);
}

#define FAKE(test)                                                                                 \
    {                                                                                              \
        "fake: " #test, test, world_setup_fake, world_teardown, NULL                               \
    }
#define REAL(test)                                                                                 \
    {                                                                                              \
        "mosquitto: " #test, test, world_setup_real, world_teardown, NULL                          \
    }
#define BOTH(test) FAKE(test), REAL(test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_bus__a_session_is_kept_and_ends),
        BOTH(test_bus__retained),
        BOTH(test_bus__retained_outlives_its_subscription),
        BOTH(test_bus__qos_is_the_lower_of_both),
        BOTH(test_bus__away_qos1_waits_and_qos0_does_not),
        BOTH(test_bus__a_will_is_said_when_a_process_dies),
        BOTH(test_bus__a_will_waits_and_a_return_cancels_it),
        BOTH(test_bus__a_will_does_not_outlive_the_session),
        BOTH(test_bus__messages_expire),
        BOTH(test_bus__filters_and_unsubscribing),
        BOTH(test_bus__properties_arrive),
        BOTH(test_bus__a_session_is_taken_over),
        BOTH(test_bus__what_publishing_answers),
        BOTH(test_bus__in_flight_is_bounded),
        BOTH(test_bus__a_thousand_come_in_order),
        BOTH(test_bus__the_broker_is_killed),
        BOTH(test_bus__in_flight_when_the_broker_dies),
        BOTH(test_bus__beats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
