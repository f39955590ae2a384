/* Books of a stream, kept by both sides: the test carries messages between two of them. */

#include "common/bus/rpc_flow.h"

#include "common/base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LIMIT ((size_t)1000)

/* A message of one side's: its body, as the other gets it. */
static struct value *message(struct rpc_flow *from, size_t raw_len)
{
    struct value *body = value_new_map();
    rpc_flow_number(from, body);
    rpc_flow_sent(from, raw_len);
    return body;
}

static void start(struct rpc_flow *a, struct rpc_flow *b)
{
    rpc_flow_init(a, LIMIT);
    rpc_flow_init(b, LIMIT);
    rpc_flow_open(a);
    rpc_flow_open(b);
    a->credit = b->credit = LIMIT;
}

static void test_rpc_flow__in_order(void **state)
{
    (void)state;
    struct rpc_flow a, b;
    struct err err = {0};
    start(&a, &b);
    for (int i = 0; i < 10; i++) {
        cleanup(value_free) struct value *body = message(&a, 100);
        assert_int_equal(rpc_flow_read(&b, body, 100, &err), 0);
    }
    assert_int_equal(a.credit, 0);
    assert_int_equal(rpc_flow_due(&b), 0);
    rpc_flow_took(&b, 499);
    assert_int_equal(rpc_flow_due(&b), 0); /* not worth a message yet */
    rpc_flow_took(&b, 1);
    assert_int_equal(rpc_flow_due(&b), 500);
    cleanup(value_free) struct value *grant = message(&b, 0);
    value_set_int(grant, "bytes", 500);
    rpc_flow_granted(&b, 500);
    assert_int_equal(rpc_flow_read(&a, grant, 0, &err), 0);
    assert_int_equal(a.credit, 500);
    assert_int_equal(rpc_flow_due(&b), 0);
}

/* Whatever is lost, comes twice or out of order: the next message shows it. */
static void test_rpc_flow__gap(void **state)
{
    (void)state;
    static const int orders[][3] = {{1, 2, -1}, {0, 2, -1}, {0, 0, -1}, {0, 1, 1}, {1, 0, -1}};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct rpc_flow a, b;
        struct err err = {0};
        start(&a, &b);
        struct value *bodies[3];
        for (int k = 0; k < 3; k++)
            bodies[k] = message(&a, 1);
        int rc = 0;
        for (int k = 0; k < 3 && orders[i][k] >= 0 && rc == 0; k++)
            rc = rpc_flow_read(&b, bodies[orders[i][k]], 1, &err);
        assert_int_equal(rc, -EPROTO);
        for (int k = 0; k < 3; k++)
            value_free(bodies[k]);
    }
}

static void test_rpc_flow__more_than_granted(void **state)
{
    (void)state;
    struct rpc_flow a, b;
    struct err err = {0};
    start(&a, &b);
    cleanup(value_free) struct value *all = message(&a, LIMIT), *more = message(&a, 1);
    assert_int_equal(rpc_flow_read(&b, all, LIMIT, &err), 0);
    rpc_flow_took(&b, LIMIT); /* but not granted again */
    assert_int_equal(rpc_flow_read(&b, more, 1, &err), -EDQUOT);
}

/* Credit from outside: nothing that overflows, nothing below zero. */
static void test_rpc_flow__credit_is_bounded(void **state)
{
    (void)state;
    static const int64_t bytes[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 40};
    struct rpc_flow a, b;
    struct err err = {0};
    start(&a, &b);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        cleanup(value_free) struct value *body = message(&b, 0);
        value_set_int(body, "bytes", bytes[i]);
        assert_int_equal(rpc_flow_read(&a, body, 0, &err), 0);
        assert_int_equal(a.credit, LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rpc_flow__in_order),
        cmocka_unit_test(test_rpc_flow__gap),
        cmocka_unit_test(test_rpc_flow__more_than_granted),
        cmocka_unit_test(test_rpc_flow__credit_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
