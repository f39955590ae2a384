#include "controller/link/outqueue.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include "bus_stub.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct bus_stub *stub = xcalloc(1, sizeof(*stub));
    bus_stub_init(stub);
    *state = stub;
    return 0;
}

static int teardown(void **state)
{
    bus_stub_drop(*state);
    free(*state);
    return 0;
}

static void put(struct outqueue *queue, const char *topic, bool retain)
{
    const struct bus_msg msg = {.topic = topic,
                                .payload = "x",
                                .len = 1,
                                .retain = retain,
                                .correlation = "c",
                                .correlation_len = 1};
    outqueue_put(queue, &msg);
}

static void expect(struct bus_stub *stub, const char *topics)
{
    cleanup(buf_done) struct buf all;
    buf_init(&all, 0);
    for (size_t i = 0; i < stub->count; i++)
        (void)buf_addf(&all, "%s%s", i ? " " : "", stub->kept[i]->topic);
    assert_string_equal(buf_str(&all), topics);
    bus_stub_drop(stub);
}

static void test_outqueue__order(void **state)
{
    struct bus_stub *stub = *state;
    struct outqueue *queue = outqueue_new(&stub->bus, NULL, NULL);
    stub->room = 2;
    put(queue, "a", true);
    put(queue, "b", true);
    put(queue, "c", true);
    put(queue, "d", false);
    assert_int_equal(stub->kept[0]->qos, 1);
    assert_memory_equal(stub->kept[1]->correlation, "c", 1);
    expect(stub, "a b");
    stub->room = 1;
    outqueue_pump(queue);
    expect(stub, "c");
    stub->error = -ENOTCONN;
    outqueue_pump(queue);
    stub->error = 0;
    stub->room = 1;
    outqueue_pump(queue);
    expect(stub, "d");
    outqueue_free(queue);
}

/* What can never be sent does not hold up the rest. */
static void test_outqueue__refused(void **state)
{
    struct bus_stub *stub = *state;
    struct outqueue *queue = outqueue_new(&stub->bus, NULL, NULL);
    stub->error = -EMSGSIZE;
    put(queue, "large", true);
    stub->error = 0;
    put(queue, "next", true);
    expect(stub, "next");
    assert_true(outqueue_is_idle(queue));
    stub->room = 0;
    put(queue, "lost", true);
    assert_false(outqueue_is_idle(queue));
    outqueue_clear(queue); /* the connection broke */
    stub->room = SIZE_MAX;
    outqueue_pump(queue);
    expect(stub, "");
    outqueue_free(queue);
}

static void test_outqueue__answers_are_bounded(void **state)
{
    struct bus_stub *stub = *state;
    struct outqueue *queue = outqueue_new(&stub->bus, NULL, NULL);
    autofree char *large = xcalloc(1, 1024 * 1024);
    const struct bus_msg answer = {.topic = "answer", .payload = large, .len = 1024 * 1024};
    stub->room = 0;
    for (int i = 0; i < 40; i++)
        outqueue_put(queue, &answer);
    put(queue, "retained", true); /* is never dropped */
    stub->room = SIZE_MAX;
    outqueue_pump(queue);
    assert_in_range(stub->count, 15, 17);
    assert_string_equal(stub->kept[stub->count - 1]->topic, "retained");
    bus_stub_drop(stub);
    outqueue_put(queue, &answer); /* there is room again */
    expect(stub, "answer");
    outqueue_free(queue);
}

/* Nor do clearings, of which a node can ask for any number: they are made good at the next
 * connection. */
static void test_outqueue__clearings_are_bounded(void **state)
{
    struct bus_stub *stub = *state;
    struct outqueue *queue = outqueue_new(&stub->bus, NULL, NULL);
    size_t sent = 0;
    stub->room = 0;
    for (int i = 0; i < 300000; i++) {
        char topic[64];
        snprintf(topic, sizeof(topic), "limpet/v1/nodes/pi.01234567/up/status/%d", i);
        const struct bus_msg clear = {.topic = topic, .retain = true};
        outqueue_put(queue, &clear);
    }
    const struct bus_msg said = {.topic = "index", .payload = "x", .len = 1, .retain = true};
    outqueue_put(queue, &said); /* has its place */
    stub->room = SIZE_MAX;
    bool said_came = false;
    do {
        bus_stub_drop(stub);
        outqueue_pump(queue);
        sent += stub->count;
        for (size_t i = 0; i < stub->count; i++)
            said_came |= str_eq(stub->kept[i]->topic, "index");
    } while (stub->count > 0);
    assert_true(said_came);
    assert_in_range(sent, 20000, 150000);
    outqueue_free(queue);
}

/* Everything is said anew after a connection: until then nothing is kept, however long it takes. */
static void test_outqueue__nothing_without_a_broker(void **state)
{
    struct bus_stub *stub = *state;
    struct outqueue *queue = outqueue_new(&stub->bus, NULL, NULL);
    stub->away = true;
    for (int i = 0; i < 1000; i++)
        put(queue, "early", i % 2);
    assert_true(outqueue_is_idle(queue));
    stub->away = false;
    put(queue, "later", true);
    expect(stub, "later");
    outqueue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outqueue__order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outqueue__refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outqueue__answers_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outqueue__clearings_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outqueue__nothing_without_a_broker, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
