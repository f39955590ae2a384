/* Leases in a store: what is too much or over is deleted, for all to see. */

#include "bench.h"

#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct clock clock;
    int64_t now;
    struct bench bench; /* whose loop follows the clock above */
    struct store_watch *watch;
    char seen[2048];
    int64_t last; /* revision */
};

static int64_t boot_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->now;
}

static void on_event(void *ctx, const struct store_event *event)
{
    struct world *world = ctx;
    size_t len = strlen(world->seen);
    assert_true(event->item->mod_revision > world->last);
    assert_true(event->type == STORE_PUT || event->previous);
    world->last = event->item->mod_revision;
    snprintf(world->seen + len, sizeof(world->seen) - len, "%c%s ",
             event->type == STORE_PUT ? '+' : '-', event->item->key);
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err = {0};
    world->clock = (struct clock){boot_ns, boot_ns};
    world->now = 1000 * NS_PER_S;
    assert_int_equal(loop_new(&world->clock, &world->bench.loop, &err), 0);
    assert_int_equal(store_open(world->bench.loop, NULL, &world->bench.store, &err), 0);
    assert_int_equal(store_watch(world->bench.store, "", 0, on_event, world, &world->watch), 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    bench_close(&world->bench);
    free(world);
    return 0;
}

/* Until nothing is left to do now. */
static void turn(struct world *world)
{
    do
        assert_int_equal(loop_step(world->bench.loop, 0), 0);
    while (loop_next(world->bench.loop) <= world->now);
}

static void put(struct world *world, int lease, const char *key)
{
    store_put_leased(world->bench.store, lease, key, "value", 5, STORE_ANY, NULL, NULL);
}

static void saw(struct world *world, const char *want)
{
    turn(world);
    assert_string_equal(world->seen, want);
    world->seen[0] = '\0';
}

static void test_leases__too_many(void **state)
{
    struct world *world = *state;
    const struct store_lease three = {.max_items = 3};
    int lease = store_grant(world->bench.store, &three);
    int other = store_grant(world->bench.store, &three);
    assert_int_equal(lease, 1);
    assert_int_equal(other, 2);
    put(world, lease, "/e/a");
    put(world, lease, "/e/b");
    put(world, lease, "/e/c");
    put(world, lease, "/e/a"); /* again */
    put(world, other, "/l/x");
    saw(world, "+/e/a +/e/b +/e/c +/e/a +/l/x ");
    put(world, lease, "/e/d");
    put(world, lease, "/e/e");
    saw(world, "+/e/d +/e/e -/e/b -/e/c ");
    assert_int_equal(store_count(world->bench.store, "/e/"), 3);
    assert_int_equal(store_count(world->bench.store, "/l/"), 1);
    /* In one turn, and deleted by hand in between. */
    for (char key[] = "/e/f"; key[3] <= 'm'; key[3]++)
        put(world, lease, key);
    store_delete(world->bench.store, "/e/k", STORE_ANY, NULL, NULL);
    turn(world);
    assert_int_equal(store_count(world->bench.store, "/e/"), 3);
    struct store_item item;
    assert_int_equal(store_get(world->bench.store, "/e/m", &item), 0);
    assert_int_equal(store_get(world->bench.store, "/e/l", &item), 0);
}

static void test_leases__time_is_over(void **state)
{
    struct world *world = *state;
    const struct store_lease hour = {.ttl_ns = 3600 * NS_PER_S};
    int lease = store_grant(world->bench.store, &hour);
    put(world, lease, "/e/a");
    put(world, lease, "/e/b");
    saw(world, "+/e/a +/e/b ");
    world->now += 1800 * NS_PER_S;
    put(world, lease, "/e/a");
    saw(world, "+/e/a ");
    world->now += 1799 * NS_PER_S;
    saw(world, "");
    world->now += NS_PER_S;
    saw(world, "-/e/b ");
    world->now += 1800 * NS_PER_S;
    saw(world, "-/e/a ");
    assert_int_equal(store_count(world->bench.store, ""), 0);
    assert_int_equal(loop_next(world->bench.loop), INT64_MAX); /* nothing to wait for */
    put(world, lease, "/e/a");
    saw(world, "+/e/a ");
    world->now += 3600 * NS_PER_S;
    saw(world, "-/e/a ");
}

/* Only what was put last counts: a put without a lease is for good. */
static void test_leases__other_puts_take_it_away(void **state)
{
    struct world *world = *state;
    const struct store_lease short_one = {.ttl_ns = NS_PER_S, .max_items = 1};
    int lease = store_grant(world->bench.store, &short_one);
    put(world, lease, "/e/a");
    store_put(world->bench.store, STORE_DURABLE, "/e/a", "v", 1, STORE_ANY, NULL, NULL);
    put(world, lease, "/e/b");
    saw(world, "+/e/a +/e/a +/e/b ");
    world->now += NS_PER_S;
    saw(world, "-/e/b ");
    put(world, lease, "/e/a");
    saw(world, "+/e/a ");
    world->now += NS_PER_S;
    saw(world, "-/e/a ");
}

/* What is put anew while its end is under way stays. */
static void test_leases__put_anew_at_the_end(void **state)
{
    struct world *world = *state;
    const struct store_lease second = {.ttl_ns = NS_PER_S};
    int lease = store_grant(world->bench.store, &second);
    put(world, lease, "/e/a");
    saw(world, "+/e/a ");
    world->now += NS_PER_S;
    put(world, lease, "/e/a"); /* before the timer is served */
    saw(world, "+/e/a ");
    assert_int_equal(store_count(world->bench.store, ""), 1);
    world->now += NS_PER_S;
    saw(world, "-/e/a ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_leases__too_many),
        TEST(test_leases__time_is_over),
        TEST(test_leases__other_puts_take_it_away),
        TEST(test_leases__put_anew_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
