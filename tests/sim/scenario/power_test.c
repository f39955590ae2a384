/* Power is cut: at each write, twice, offline; what was acknowledged stays, old or new. */

#include "tests/sim/world/scenario.h"

/* A cached node reboots with nobody to ask, and nothing is doubled when they return. */
static void test_power__reboot_offline(void **state)
{
    WORLD_EACH_SEED(seed, 5)
    {
        struct world *world = world_new(*state, seed, 1);
        world_pod(world, "a", 0, "[run]", "Always");
        world_pod(world, "b", 0, "[stubborn]", "Always");
        world_settle(world, 20 * S);
        gateway_kill(&world->gateway);
        bus_fake_kill(world->broker);
        world_run(world, 5 * S);
        world_reboot(world, 0, DISK_FAKE_LOSE_ALL);
        world_run(world, 5 * S);
        assert_true(world_runs(world, 0, "a"));
        assert_true(world_runs(world, 0, "b"));
        autofree char *before = world_running(world, 0);
        world_run(world, 3600 * S);
        bus_fake_start(world->broker, rng_below(&world->rng.rng, 2));
        gateway_start(&world->gateway);
        world_settle(world, 60 * S);
        world_expect_running(world, 0, before);
        world_free(world);
    }
}

/* What a node keeps: the generation that is committed, and the pods that it runs. */
static void expect_old_or_new(struct world *world, const char *pod, uint64_t before,
                              const char *context)
{
    const struct node *node = &world->nodes[0];
    uint64_t now = desired_generation(node->desired);
    if (now < before)
        world_fail(world, "%s: generation %llu after %llu", context, (unsigned long long)now,
                   (unsigned long long)before);
    if (!world_runs(world, 0, "stays"))
        world_fail(world, "%s: a pod that nobody touched is gone", context);
    if (now == before && world_runs(world, 0, pod))
        world_fail(world, "%s: pod %s runs without a generation that lists it", context, pod);
}

/* Cut after step N of a commit, reboot offline: the old set or the new one. */
static void cut_commits(struct world *world, uint64_t second_cut)
{
    struct node *node = &world->nodes[0];
    unsigned whole = 0;
    for (uint64_t step = 0; step < 60 && whole < 2; step++) {
        char pod[16];
        snprintf(pod, sizeof(pod), "p%llu", (unsigned long long)step);
        uint64_t before = desired_generation(node->desired);
        disk_fake_cut_after(node->state, step);
        world_pod(world, pod, 0, "[run]", "Always");
        world_run(world, 3 * S);
        whole += node->up;
        gateway_kill(&world->gateway);
        bus_fake_kill(world->broker);
        node_power_off(node, DISK_FAKE_CHANCE);
        if (second_cut != UINT64_MAX) { /* power fails again while it recovers */
            struct err err = {0};
            disk_fake_cut_after(node->state, second_cut);
            if (node_start(node, &err) == 0)
                world_run(world, 1 * S);
            node_power_off(node, DISK_FAKE_CHANCE);
        }
        world_start_agent(world, 0);
        world_run(world, 5 * S);
        expect_old_or_new(world, pod, before, "cut");
        bus_fake_start(world->broker, true);
        gateway_start(&world->gateway);
        world_settle(world, 60 * S);
        world_delete(world, pod);
        world_settle(world, 60 * S);
    }
    assert_int_equal(whole, 2);
}

static void test_power__cut_at_each_write(void **state)
{
    WORLD_EACH_SEED(seed, 2)
    {
        struct world *world = world_new(*state, seed, 1);
        world_pod(world, "stays", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        cut_commits(world, UINT64_MAX);
        world_free(world);
    }
}

static void test_power__cut_again_during_recovery(void **state)
{
    WORLD_EACH_SEED(seed, 2)
    {
        uint64_t second = seed * 2 % 12;
        struct world *world = world_new(*state, 50 + seed, 1);
        world_pod(world, "stays", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        cut_commits(world, second);
        world_free(world);
    }
}

/* The clock has no battery, or jumps: pods run, the gateway's return changes nothing. */
static void test_power__clock_at_1970(void **state)
{
    struct world *world = world_new(*state, 5, 1);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    gateway_kill(&world->gateway);
    bus_fake_kill(world->broker);
    node_power_off(&world->nodes[0], DISK_FAKE_LOSE_ALL);
    clock_fake_set_wall(&world->clock, 3 * S);
    world_start_agent(world, 0);
    world_run(world, 5 * S);
    assert_true(world_runs(world, 0, "web"));
    autofree char *before = world_running(world, 0);
    const int64_t jumps[] = {WORLD_WALL, INT64_C(4102444800) * S, 0, WORLD_WALL + 10 * S};
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        clock_fake_set_wall(&world->clock, jumps[i]);
        world_run(world, 40 * S);
        world_expect_running(world, 0, before);
    }
    clock_fake_set_wall(&world->clock, 3 * S);
    bus_fake_start(world->broker, true);
    gateway_start(&world->gateway);
    world_settle(world, 60 * S);
    world_expect_running(world, 0, before);
    world_pod(world, "later", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    clock_fake_set_wall(&world->clock, WORLD_WALL);
    world_delete(world, "later");
    world_settle(world, 30 * S);
    world_expect_running(world, 0, before);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power__reboot_offline),
        cmocka_unit_test(test_power__cut_at_each_write),
        cmocka_unit_test(test_power__cut_again_during_recovery),
        cmocka_unit_test(test_power__clock_at_1970),
    };
    return SCENARIOS(tests);
}
