/* In a network namespace of the test's own, on a clock that only the test moves. Needs root. */

#include "agent/net/node_address.h"

#include "agent/net/netlink.h"
#include "common/base/mem.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LINK "lptest0"
#define OTHER "lptest1"

struct fixture {
    struct clock clock;
    int64_t now;
    struct loop *loop;
    struct node_address *address;
    struct netlink *nl;
    int calls;
    char last[46];
};

static int64_t fake_boot(const struct clock *clock)
{
    return ((const struct fixture *)clock)->now;
}

static void called(void *ctx, const char *address)
{
    struct fixture *f = ctx;
    f->calls++;
    snprintf(f->last, sizeof(f->last), "%s", address);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->clock = *clock_system();
    f->clock.boot_ns = fake_boot;
    f->now = NS_PER_S;
    assert_int_equal(unshare(CLONE_NEWNET), 0); /* another one for each case */
    assert_int_equal(loop_new(&f->clock, &f->loop, NULL), 0);
    assert_int_equal(netlink_open(-1, &f->nl, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    node_address_free(f->address);
    netlink_close(f->nl);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void follow(struct fixture *f, const char *known)
{
    assert_int_equal(node_address_new(f->loop, known, called, f, &f->address, NULL), 0);
}

/* What the kernel has to tell was told before the call that caused it returned. */
static void second(struct fixture *f)
{
    for (int i = 0; i < 10; i++) {
        assert_int_equal(loop_step(f->loop, 0), 0);
        f->now += NS_PER_S / 10;
        assert_int_equal(loop_step(f->loop, 0), 0);
    }
}

static void add_link(struct fixture *f, const char *name, const char *address, const char *gateway)
{
    struct err err = {0};
    assert_int_equal(netlink_add_bridge(f->nl, name, 0, &err), 0);
    int index = netlink_index(f->nl, name, &err);
    assert_true(index > 0);
    assert_int_equal(netlink_add_address(f->nl, index, inet_addr(address), 24, &err), 0);
    assert_int_equal(netlink_add_default_route(f->nl, index, inet_addr(gateway), &err), 0);
}

static void del_link(struct fixture *f, const char *name)
{
    assert_int_equal(netlink_del_link(f->nl, name, NULL), 0);
}

static void test_node_address__comes_late(void **state)
{
    struct fixture *f = *state;
    autofree char *none = node_address_read();
    assert_string_equal(none, "");
    follow(f, "");
    second(f);
    assert_int_equal(f->calls, 0);
    add_link(f, LINK, "10.99.8.2", "10.99.8.1");
    second(f);
    assert_int_equal(f->calls, 1);
    assert_string_equal(f->last, "10.99.8.2");
    autofree char *now = node_address_read();
    assert_string_equal(now, "10.99.8.2");
}

/* The last one stands until there is another. */
static void test_node_address__goes_and_changes(void **state)
{
    struct fixture *f = *state;
    add_link(f, LINK, "10.99.8.2", "10.99.8.1");
    follow(f, "10.99.8.2");
    second(f);
    del_link(f, LINK);
    second(f);
    assert_int_equal(f->calls, 0);
    add_link(f, LINK, "10.99.8.2", "10.99.8.1"); /* the same comes back */
    second(f);
    assert_int_equal(f->calls, 0);
    del_link(f, LINK);
    add_link(f, OTHER, "10.99.9.3", "10.99.9.1");
    second(f);
    assert_int_equal(f->calls, 1);
    assert_string_equal(f->last, "10.99.9.3");
    add_link(f, LINK, "10.99.8.2", "10.99.8.1"); /* one more: the way out stays */
    second(f);
    assert_int_equal(f->calls, 1);
}

/* Between the first look and the subscription. */
static void test_node_address__changed_before(void **state)
{
    struct fixture *f = *state;
    add_link(f, LINK, "10.99.8.2", "10.99.8.1");
    follow(f, "10.99.8.9");
    second(f);
    assert_int_equal(f->calls, 1);
    assert_string_equal(f->last, "10.99.8.2");
}

/* More changes than the socket holds messages of. */
static void test_node_address__flood(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    follow(f, "");
    assert_int_equal(netlink_add_bridge(f->nl, OTHER, 0, &err), 0);
    int index = netlink_index(f->nl, OTHER, &err);
    for (uint32_t i = 0; i < 2000; i++)
        assert_int_equal(
            netlink_add_address(f->nl, index, htonl(UINT32_C(0x0a630000) + i), 32, &err), 0);
    add_link(f, LINK, "10.100.8.2", "10.100.8.1");
    for (int i = 0; i < 20; i++)
        second(f);
    assert_int_equal(f->calls, 1);
    assert_string_equal(f->last, "10.100.8.2");
}

int main(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        printf("needs root and network namespaces\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(test_node_address__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(comes_late),
        TEST(goes_and_changes),
        TEST(changed_before),
        TEST(flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
