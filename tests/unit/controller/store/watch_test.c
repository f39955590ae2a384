/* Watches that catch up share the turns of the loop: nothing else waits for them for long. */

#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "controller/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS 300
#define TURN_NS (2 * NS_PER_MS) /* what a turn may take, but for its last event */

/* Time passes while somebody is told, and not otherwise. */
struct world {
    struct clock clock;
    int64_t now, cost; /* of one event */
    struct loop *loop;
    struct store *store;
    size_t told; /* events, all watches together */
};

struct watcher {
    struct world *world;
    struct store_watch *watch;
    size_t told;
    char last[32];
    const struct watcher *beside; /* began together with this one */
};

static int64_t boot_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->now;
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err = {0};
    world->clock = (struct clock){boot_ns, boot_ns};
    world->now = 1000 * NS_PER_S;
    assert_int_equal(loop_new(&world->clock, &world->loop, &err), 0);
    assert_int_equal(store_open(world->loop, NULL, &world->store, &err), 0);
    for (int i = 0; i < ITEMS; i++) {
        char key[32];
        snprintf(key, sizeof(key), "/pods/d/%04d", i);
        store_put(world->store, STORE_DURABLE, key, "v", 1, STORE_ANY, NULL, NULL);
    }
    while (store_count(world->store, "") < ITEMS)
        assert_int_equal(loop_step(world->loop, 0), 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    store_close(world->store);
    loop_free(world->loop);
    free(world);
    return 0;
}

static void on_event(void *ctx, const struct store_event *event)
{
    struct watcher *watcher = ctx;
    assert_true(strcmp(watcher->last, event->item->key) < 0);
    snprintf(watcher->last, sizeof(watcher->last), "%s", event->item->key);
    watcher->told++;
    watcher->world->told++;
    watcher->world->now += watcher->world->cost;
    if (watcher->beside) /* the same object follows at once, decoded already */
        assert_string_equal(watcher->beside->last, event->item->key);
}

static void watch(struct world *world, struct watcher *ret)
{
    ret->world = world;
    assert_int_equal(store_watch(world->store, "/pods/", 0, on_event, ret, &ret->watch), 0);
}

static void test_watch__turns_are_bounded(void **state)
{
    static const struct {
        int64_t cost;
        size_t most; /* events a turn */
    } cases[] = {
        {0, 256},             /* by their number */
        {NS_PER_MS / 10, 20}, /* by time */
        {100 * NS_PER_MS, 1}, /* one, however long it takes */
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct watcher watchers[3] = {{0}};
        world->cost = cases[i].cost;
        for (size_t j = 0; j < 3; j++)
            watch(world, &watchers[j]);
        for (world->told = 0; world->told < 3 * (size_t)ITEMS;) {
            size_t before = world->told;
            int64_t began = world->now;
            assert_int_equal(loop_step(world->loop, 0), 0);
            assert_in_range(world->told - before, 1, cases[i].most);
            assert_true(world->now - began <= TURN_NS || world->told == before + 1);
        }
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(watchers[j].told, ITEMS);
            assert_true(store_watch_is_live(watchers[j].watch));
            store_watch_free(watchers[j].watch);
        }
    }
}

static void test_watch__those_that_began_together_go_in_step(void **state)
{
    struct world *world = *state;
    struct watcher first = {0}, second = {.beside = &first};
    world->cost = NS_PER_MS * 3 / 2; /* turns end between the two as well */
    watch(world, &first);
    watch(world, &second);
    while (!store_watch_is_live(second.watch))
        assert_int_equal(loop_step(world->loop, 0), 0);
    assert_int_equal(second.told, ITEMS);
}

/* Who has nothing to be told does not wait for those who have. */
static void test_watch__empty_ones_are_live_at_once(void **state)
{
    struct world *world = *state;
    struct watcher full = {0};
    struct store_watch *empty;
    world->cost = NS_PER_MS;
    watch(world, &full);
    assert_int_equal(store_watch(world->store, "/nodes/", 0, on_event, NULL, &empty), 0);
    assert_false(store_watch_is_live(empty));
    assert_int_equal(loop_step(world->loop, 0), 0);
    assert_true(store_watch_is_live(empty));
    assert_false(store_watch_is_live(full.watch));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_watch__turns_are_bounded),
        TEST(test_watch__those_that_began_together_go_in_step),
        TEST(test_watch__empty_ones_are_live_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
