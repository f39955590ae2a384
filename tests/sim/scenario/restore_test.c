/* The gateway's card is lost and an older backup put back: nodes go on with what they have, what
 * the backup does not know is kept until that is settled, and what was changed is not rolled back.
 */

#include "common/base/map.h"
#include "tests/sim/world/scenario.h"

/* The gateway and all that the broker knew are gone, and it comes back from the copy. */
static void lose_and_restore(struct world *world, struct map *copy)
{
    if (world->gateway.up)
        gateway_kill(&world->gateway);
    bus_fake_kill(world->broker);
    world_run(world, 60 * S);
    gateway_restore_backup(&world->gateway, copy);
    bus_fake_start(world->broker, true);
    gateway_start(&world->gateway);
}

static void image_pod(struct world *world, const char *name, size_t node, const char *image)
{
    autofree char *yaml = xasprintf("apiVersion: v1\n"
                                    "kind: Pod\n"
                                    "metadata: {name: %s, namespace: default}\n"
                                    "spec:\n"
                                    "  nodeName: %s\n"
                                    "  terminationGracePeriodSeconds: 5\n"
                                    "  containers:\n"
                                    "  - {name: main, image: %s, command: [run]}\n",
                                    name, world->nodes[node].name, image);
    world_apply(world, yaml);
}

static void may_end(struct world *world, const char *name)
{
    (void)map_put(world->may_end, name, world);
}

/* What the gateway has heard that it does not know. */
static size_t count_kept(struct world *world)
{
    cleanup(value_free) struct value *list = hub_kept(world->gateway.hub);
    return value_len(list);
}

static struct world *begin(void **state, uint64_t seed, size_t nodes)
{
    struct world *world = world_new(*state, seed, nodes);
    world_pod(world, "old", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    return world;
}

/* Pods that were made after the backup go on, through a restart of the agent and of the node, until
 * it is settled; those that the backup knows do too. */
static void test_restore__unknown_pods_are_kept(void **state)
{
    WORLD_EACH_SEED(seed, 3)
    {
        struct world *world = begin(state, seed, 2);
        struct map *copy = gateway_copy(&world->gateway);
        world_pod(world, "late", 0, "[run]", "Always");
        world_pod(world, "later", 1, "[run]", "Always");
        world_settle(world, 20 * S);
        autofree char *first = world_running(world, 0), *second = world_running(world, 1);
        lose_and_restore(world, copy);
        world_run(world, 120 * S);
        world_expect_running(world, 0, first);
        world_expect_running(world, 1, second);
        assert_int_equal(desired_kept(world->nodes[0].desired), 1);
        assert_int_equal(count_kept(world), 2);
        world_restart_agent(world, 0);
        world_run(world, 30 * S);
        world_expect_running(world, 0, first);
        world_reboot(world, 1, DISK_FAKE_LOSE_ALL);
        world_run(world, 30 * S);
        assert_true(world_runs(world, 1, "later"));

        /* It is a gateway like any other: what is new runs, what is deleted goes. */
        world_pod(world, "new", 0, "[run]", "Always");
        world_run(world, 20 * S);
        assert_true(world_runs(world, 0, "new"));
        world_delete(world, "old");
        world_run(world, 40 * S);
        assert_false(world_runs(world, 0, "old"));
        assert_true(world_runs(world, 0, "late"));

        may_end(world, "late");
        may_end(world, "later");
        gateway_settle(&world->gateway);
        world_settle(world, 60 * S);
        assert_false(world_runs(world, 0, "late"));
        assert_false(world_runs(world, 1, "later"));
        assert_true(world_runs(world, 0, "new"));
        assert_int_equal(desired_kept(world->nodes[0].desired), 0);
        assert_int_equal(count_kept(world), 0);
        /* And it stays so when the gateway starts again. */
        gateway_kill(&world->gateway);
        gateway_start(&world->gateway);
        world_settle(world, 60 * S);
        world_free(world);
    }
}

/* A pod whose image was changed after the backup runs on as it is, until somebody changes it
 * again. */
static void test_restore__changes_are_not_rolled_back(void **state)
{
    struct world *world = world_new(*state, 11, 1);
    image_pod(world, "web", 0, "app:1");
    world_settle(world, 20 * S);
    struct map *copy = gateway_copy(&world->gateway);
    image_pod(world, "web", 0, "app:2");
    world_run(world, 30 * S);
    world_settle(world, 30 * S);
    autofree char *running = world_running(world, 0);
    (void)map_del(world->may_end, "web");
    lose_and_restore(world, copy);
    world_run(world, 120 * S);
    world_expect_running(world, 0, running);
    image_pod(world, "web", 0, "app:3");
    world_run(world, 60 * S);
    assert_true(world_runs(world, 0, "web"));
    autofree char *now = world_running(world, 0);
    assert_string_not_equal(now, running);
    assert_int_equal(desired_kept(world->nodes[0].desired), 0);
    gateway_settle(&world->gateway);
    world_settle(world, 60 * S);
    world_expect_running(world, 0, now);
    world_free(world);
}

/* What was let go of does not come back: applied again, and deleted again. */
static void test_restore__known_again_and_deleted(void **state)
{
    struct world *world = begin(state, 12, 1);
    struct map *copy = gateway_copy(&world->gateway);
    world_pod(world, "late", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    lose_and_restore(world, copy);
    world_run(world, 60 * S);
    assert_true(world_runs(world, 0, "late"));
    may_end(world, "late");
    assert_int_equal(count_kept(world), 1);
    world_pod(world, "late", 0, "[run]", "Always");
    world_settle(world, 60 * S);
    assert_int_equal(count_kept(world), 0);
    world_delete(world, "late");
    world_settle(world, 60 * S);
    world_restart_agent(world, 0);
    world_run(world, 30 * S);
    assert_false(world_runs(world, 0, "late"));
    assert_true(world_runs(world, 0, "old"));
    world_free(world);
}

/* The same backup put back twice, without being settled between. */
static void test_restore__twice(void **state)
{
    struct world *world = begin(state, 13, 1);
    struct map *copies[] = {gateway_copy(&world->gateway), gateway_copy(&world->gateway)};
    world_pod(world, "late", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    for (int i = 0; i < 2; i++) {
        lose_and_restore(world, copies[i]);
        world_run(world, 60 * S);
        char name[16];
        snprintf(name, sizeof(name), "made%d", i);
        world_pod(world, name, 0, "[run]", "Always");
        world_run(world, 60 * S);
        assert_true(world_runs(world, 0, name));
    }
    assert_true(world_runs(world, 0, "late") && world_runs(world, 0, "old"));
    assert_true(world_runs(world, 0, "made0"));
    may_end(world, "late");
    may_end(world, "made0");
    gateway_settle(&world->gateway);
    world_settle(world, 60 * S);
    assert_true(world_runs(world, 0, "made1") && !world_runs(world, 0, "made0"));
    world_free(world);
}

/* The node's power is cut at each step in which it takes over the first index of the new epoch, and
 * in which it lets go: nothing that is kept is ever stopped. */
static void test_restore__power_cut_at_each_step(void **state)
{
    unsigned whole = 0;
    for (uint64_t step = 0; step < 40 && whole < 2; step++) {
        struct world *world = begin(state, 100 + step, 1);
        struct node *node = &world->nodes[0];
        struct map *copy = gateway_copy(&world->gateway);
        world_pod(world, "late", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        gateway_kill(&world->gateway);
        disk_fake_cut_after(node->state, step);
        lose_and_restore(world, copy);
        world_run(world, 60 * S);
        whole += node->up;
        node_power_off(node, DISK_FAKE_CHANCE);
        world_start_agent(world, 0);
        world_run(world, 60 * S);
        if (!world_runs(world, 0, "late") || !world_runs(world, 0, "old"))
            world_fail(world, "cut after step %d", (int)step);
        may_end(world, "late");
        gateway_settle(&world->gateway);
        world_settle(world, 60 * S);
        assert_false(world_runs(world, 0, "late"));
        world_free(world);
    }
    assert_int_equal(whole, 2);
}

/* What says what is kept is damaged: nothing is stopped for it. */
static void test_restore__damaged_memory_stops_nothing(void **state)
{
    struct world *world = begin(state, 14, 1);
    struct map *copy = gateway_copy(&world->gateway);
    world_pod(world, "late", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    autofree char *running = world_running(world, 0);
    lose_and_restore(world, copy);
    world_run(world, 60 * S);
    world_kill_agent(world, 0);
    assert_int_equal(disk_fake_flip(world->nodes[0].state, NODE_DESIRED "/kept", 99), 0);
    world_start_agent(world, 0);
    world_run(world, 120 * S);
    world_expect_running(world, 0, running);
    may_end(world, "late");
    gateway_settle(&world->gateway);
    world_settle(world, 60 * S);
    assert_false(world_runs(world, 0, "late"));
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restore__unknown_pods_are_kept),
        cmocka_unit_test(test_restore__changes_are_not_rolled_back),
        cmocka_unit_test(test_restore__known_again_and_deleted),
        cmocka_unit_test(test_restore__twice),
        cmocka_unit_test(test_restore__power_cut_at_each_step),
        cmocka_unit_test(test_restore__damaged_memory_stops_nothing),
    };
    return SCENARIOS(tests);
}
