/* Parts are killed: agents, keepers, the gateway, the broker. */

#include "tests/sim/world/scenario.h"

static void test_lives__pod_runs(void **state)
{
    struct world *world = world_new(*state, 1, 2);
    world_pod(world, "web", 0, "[run]", "Always");
    world_pod(world, "job", 1, "[exit, \"0\", \"3\"]", "Never");
    world_settle(world, 20 * S);
    assert_true(world_runs(world, 0, "web"));
    assert_string_equal(world_phase(world, "job"), "Succeeded");
    world_free(world);
}

static void test_lives__agent_killed_leaves_pods(void **state)
{
    WORLD_EACH_SEED(seed, 5)
    {
        struct world *world = world_new(*state, seed, 1);
        world_pod(world, "a", 0, "[run]", "Always");
        world_pod(world, "b", 0, "[stubborn]", "Always");
        world_settle(world, 20 * S);
        autofree char *before = world_running(world, 0);
        for (int i = 0; i < 5; i++) {
            world_restart_agent(world, 0);
            world_run(world, (int64_t)rng_below(&world->rng.rng, 3000) * MS);
        }
        world_settle(world, 20 * S);
        world_expect_running(world, 0, before);
        world_free(world);
    }
}

/* At any moment while pods come up and change. */
static void test_lives__agent_killed_at_any_time(void **state)
{
    WORLD_EACH_SEED(seed, 5)
    {
        struct world *world = world_new(*state, seed, 1);
        for (int i = 0; i < 4; i++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d", i);
            world_pod(world, name, 0, i % 2 ? "[run]" : "[stubborn]", "Always");
            world_run(world, (int64_t)rng_below(&world->rng.rng, 700) * MS);
            world_restart_agent(world, 0);
            if (rng_below(&world->rng.rng, 3) == 0)
                world_delete(world, name);
            world_run(world, (int64_t)rng_below(&world->rng.rng, 300) * MS);
            world_restart_agent(world, 0);
        }
        world_settle(world, 60 * S);
        world_free(world);
    }
}

/* Ready is who knows what runs: not at once, not twice, and not for want of a gateway. */
static void test_lives__agent_ready_when_all_is_adopted(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = world_new(*state, seed, 1);
        const struct node *node = &world->nodes[0];
        world_pod(world, "a", 0, "[run]", "Always");
        world_pod(world, "b", 0, "[run]", "Never");
        world_settle(world, 20 * S);
        gateway_kill(&world->gateway);
        world_kill_agent(world, 0);
        world_start_agent(world, 0);
        assert_int_equal(node->ready, 0);
        world_run(world, 1 * S);
        assert_int_equal(node->ready, 1);
        assert_int_equal(node->ready_runs, 2);
        world_run(world, 20 * S);
        assert_int_equal(node->ready, 1);
        gateway_start(&world->gateway);
        world_settle(world, 20 * S);
        world_free(world);
    }
}

/* After each of its disk steps. */
static void test_lives__agent_killed_at_each_step(void **state)
{
    struct world *world = world_new(*state, 3, 1);
    struct node *node = &world->nodes[0];
    world_pod(world, "stays", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    unsigned untouched = 0;
    for (uint64_t step = 0; step < 120 && untouched < 2; step++) {
        char name[16];
        snprintf(name, sizeof(name), "p%llu", (unsigned long long)step);
        disk_fake_cut_after(node->state, step);
        world_pod(world, name, 0, "[run]", "Always");
        world_run(world, 3 * S);
        untouched += node->up;
        node_kill(node);
        world_start_agent(world, 0);
        world_settle(world, 30 * S);
        disk_fake_cut_after(node->state, step);
        world_delete(world, name);
        world_run(world, 3 * S);
        node_kill(node);
        world_start_agent(world, 0);
        world_settle(world, 30 * S);
        assert_true(world_runs(world, 0, "stays"));
    }
    assert_int_equal(untouched, 2);
    world_free(world);
}

static void test_lives__keeper_killed_starts_anew(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = world_new(*state, seed, 1);
        world_pod(world, "web", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        autofree char *before = world_running(world, 0);
        assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", "web"));
        assert_false(world_runs(world, 0, "web"));
        world_run(world, 2 * S);
        assert_true(world_runs(world, 0, "web"));
        autofree char *after = world_running(world, 0);
        assert_string_not_equal(before, after);
        world_settle(world, 10 * S);
        /* With the agent dead: when it comes back. */
        world_kill_agent(world, 0);
        assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", "web"));
        world_start_agent(world, 0);
        world_run(world, 2 * S);
        assert_true(world_runs(world, 0, "web"));
        world_settle(world, 10 * S);
        world_free(world);
    }
}

static void mute(struct world *world, const char *pod, bool mute)
{
    assert_true(keepers_fake_mute(world->nodes[0].keepers, "default", pod, mute));
}

static const char kiosk[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: kiosk}\n"
                            "spec: {containers: [{name: main, image: app, command: [run]}]}\n";

/* Keepers that live but do not answer a restarted agent: their pods are left alone, the others do
 * not wait, and what was wanted meanwhile is done when they answer. */
static void test_lives__keeper_that_does_not_answer(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = world_new(*state, seed, 1);
        world_pod(world, "slow", 0, "[run]", "Always");
        world_pod(world, "unwanted", 0, "[run]", "Always");
        world_static(world, 0, "kiosk.yaml", kiosk);
        world_settle(world, 20 * S);
        size_t addresses = net_fake_addresses(world->nodes[0].net);
        autofree char *before = world_running(world, 0);
        for (int i = 0; i < 2; i++) { /* the second agent finds them as the first did */
            world_kill_agent(world, 0);
            mute(world, "slow", true);
            mute(world, "unwanted", true);
            mute(world, "kiosk-node-0", true);
            world_static(world, 0, "kiosk.yaml", "kind: [");
            world_start_agent(world, 0);
            world_run(world, 10 * S);
            world_expect_running(world, 0, before);
            assert_string_equal(world_phase(world, "slow"), "Running");
            assert_int_equal(net_fake_addresses(world->nodes[0].net), addresses);
        }
        world_delete(world, "unwanted");
        world_pod(world, "more", 0, "[run]", "Always");
        world_run(world, 20 * S);
        assert_true(world_runs(world, 0, "more"));
        assert_true(world_runs(world, 0, "unwanted"));
        mute(world, "unwanted", false);
        mute(world, "kiosk-node-0", false);
        world_run(world, 10 * S);
        assert_false(world_runs(world, 0, "unwanted"));
        assert_true(world_runs(world, 0, "kiosk-node-0"));
        mute(world, "slow", false);
        world_settle(world, 20 * S);
        assert_true(world_runs(world, 0, "slow"));
        world_free(world);
    }
}

/* One that ends without having answered: its pod starts anew, unless it was through with it. */
static void test_lives__silent_keeper_ends(void **state)
{
    struct world *world = world_new(*state, 5, 1);
    world_pod(world, "web", 0, "[run]", "Always");
    world_pod(world, "job", 0, "[exit, \"0\", \"3\"]", "Never");
    world_run(world, 1 * S);
    world_kill_agent(world, 0);
    world_run(world, 10 * S);
    mute(world, "web", true);
    mute(world, "job", true);
    gateway_kill(&world->gateway);
    bus_fake_kill(world->broker); /* the manifests are read once, when keepers have settled */
    world_start_agent(world, 0);
    world_run(world, 10 * S);
    uint64_t starts = keepers_fake_starts(world->nodes[0].keepers);
    assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", "web"));
    assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", "job"));
    world_run(world, 2 * S);
    assert_true(world_runs(world, 0, "web"));
    bus_fake_start(world->broker, true);
    gateway_start(&world->gateway);
    world_settle(world, 60 * S);
    assert_string_equal(world_phase(world, "job"), "Succeeded");
    assert_int_equal(keepers_fake_starts(world->nodes[0].keepers), starts + 1);
    world_free(world);
}

static void test_lives__crash_is_restarted_without_gateway(void **state)
{
    struct world *world = world_new(*state, 7, 1);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    gateway_kill(&world->gateway);
    bus_fake_kill(world->broker);
    world_run(world, 60 * S);
    assert_true(keepers_fake_exit(world->nodes[0].keepers, "default", "web", "main", 256));
    assert_false(world_runs(world, 0, "web"));
    world_run(world, 1 * S);
    assert_true(world_runs(world, 0, "web"));
    autofree char *before = world_running(world, 0);
    bus_fake_start(world->broker, true);
    gateway_start(&world->gateway);
    world_settle(world, 40 * S);
    world_run(world, 5 * S);
    world_expect_running(world, 0, before);
    cleanup(value_free) struct value *pod =
        gateway_get(&world->gateway, &kind_pod, "default", "web");
    const struct value *list = value_path(pod, "status", "containerStatuses", NULL);
    assert_int_equal(value_get_int(value_at(list, 0), "restartCount", -1), 1);
    world_free(world);
}

static void test_lives__gateway_killed_at_any_time(void **state)
{
    WORLD_EACH_SEED(seed, 5)
    {
        struct world *world = world_new(*state, seed, 2);
        for (int i = 0; i < 5; i++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d", i);
            world_pod(world, name, (size_t)i % 2, "[run]", "Always");
            world_run(world, (int64_t)rng_below(&world->rng.rng, 120) * MS);
            if (i == 3)
                world_delete(world, "p1");
            world_run(world, (int64_t)rng_below(&world->rng.rng, 60) * MS);
            gateway_kill(&world->gateway);
            world_run(world, (int64_t)rng_below(&world->rng.rng, 5000) * MS);
            gateway_start(&world->gateway);
        }
        world_settle(world, 60 * S);
        world_free(world);
    }
}

static void test_lives__broker_killed_or_wiped(void **state)
{
    WORLD_EACH_SEED(seed, 5)
    {
        struct world *world = world_new(*state, seed, 2);
        for (int i = 0; i < 5; i++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d", i);
            world_pod(world, name, (size_t)i % 2, "[run]", "Always");
            world_run(world, (int64_t)rng_below(&world->rng.rng, 150) * MS);
            bus_fake_kill(world->broker);
            if (i == 2)
                world_delete(world, "p0");
            world_run(world, (int64_t)rng_below(&world->rng.rng, 8000) * MS);
            bus_fake_start(world->broker, rng_below(&world->rng.rng, 2));
        }
        world_settle(world, 90 * S);
        world_free(world);
    }
}

/* All three at once; the status is right within 5 s of the broker's return. */
static void test_lives__all_three_killed(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = world_new(*state, seed, 1);
        world_pod(world, "web", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        autofree char *before = world_running(world, 0);
        bus_fake_kill(world->broker);
        gateway_kill(&world->gateway);
        world_kill_agent(world, 0);
        world_run(world, 3 * S);
        world_start_agent(world, 0);
        gateway_start(&world->gateway);
        bus_fake_start(world->broker, true);
        world_settle(world, 5 * S);
        world_expect_running(world, 0, before);
        world_free(world);
    }
}

/* "IP=..." of the environment of the pod's process; NULL: it does not run. */
struct told {
    const char *pod;
    char address[48];
};

static void see_address(void *ctx, const struct keepers_fake_process *process)
{
    struct told *told = ctx;
    for (size_t i = 0; str_eq(process->name, told->pod) && process->env[i]; i++)
        if (str_has_prefix(process->env[i], "IP="))
            snprintf(told->address, sizeof(told->address), "%s", process->env[i] + 3);
}

/* Its address, as its container was told and as the API tells. */
static void expect_address(struct world *world, const char *pod)
{
    struct told told = {.pod = pod};
    keepers_fake_each(world->nodes[0].keepers, see_address, &told);
    cleanup(value_free) struct value *object =
        gateway_get(&world->gateway, &kind_pod, "default", pod);
    assert_true(told.address[0]);
    assert_string_equal(told.address, value_str(value_path(object, "status", "podIP", NULL)));
}

static void expect_resolv_conf(struct world *world, const char *pod, const char *expected)
{
    cleanup(value_free) struct value *object =
        gateway_get(&world->gateway, &kind_pod, "default", pod);
    autofree char *path = xasprintf(NODE_RUN "/volumes/%s/etc/resolv.conf", object_uid(object));
    struct disk *disk = disk_mux_disk(world->nodes[0].disk);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    assert_int_equal(disk->read(disk, path, 1000, &text, &err), 0);
    assert_string_equal(buf_str(&text), expected);
}

static void node_resolves_by(const struct world *world, const char *server)
{
    autofree char *text = xasprintf("nameserver %s\n", server);
    disk_fake_plant(world->nodes[0].state, "/etc/resolv.conf", text, strlen(text));
}

/* A pod knows its address from the first moment on, and its files are up to date whenever its agent
 * lives. */
static void test_lives__what_a_pod_is_told(void **state)
{
    struct world *world = world_new(*state, 5, 1);
    world_apply(world, "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"
                       "  nodeName: node-0\n  containers:\n"
                       "  - {name: main, image: app, command: [run], env: [{name: IP, valueFrom: "
                       "{fieldRef: {fieldPath: status.podIP}}}]}\n");
    world_settle(world, 20 * S);
    expect_address(world, "web");
    expect_resolv_conf(world, "web", ""); /* it came up offline */
    autofree char *before = world_running(world, 0);
    node_resolves_by(world, "10.0.0.1");
    agent_node_files_changed(world->nodes[0].agent);
    expect_resolv_conf(world, "web", "nameserver 10.0.0.1\n");
    world_kill_agent(world, 0);
    node_resolves_by(world, "10.0.0.2");
    world_start_agent(world, 0);
    world_settle(world, 20 * S);
    expect_resolv_conf(world, "web", "nameserver 10.0.0.2\n");
    world_expect_running(world, 0, before);
    node_resolves_by(world, "10.0.0.3");
    world_reboot(world, 0, DISK_FAKE_KEEP_ALL);
    world_settle(world, 60 * S);
    expect_address(world, "web");
    expect_resolv_conf(world, "web", "nameserver 10.0.0.3\n");
    world_free(world);
}

/* Everything at once, at random. */
static void test_lives__storm(void **state)
{
    WORLD_EACH_SEED(seed, 5)
    {
        struct world *world = world_new(*state, seed, 2);
        struct rng *rng = &world->rng.rng;
        const struct bus_fake_faults storm = {.drop = 30,
                                              .duplicate = 50,
                                              .reorder = 50,
                                              .disconnect = 10,
                                              .delay_min_ns = 1 * MS,
                                              .delay_max_ns = 400 * MS};
        const struct bus_fake_faults calm = {.delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
        bus_fake_set_faults(world->broker, &storm);
        for (int i = 0; i < 30; i++) {
            char name[16];
            size_t node = (size_t)rng_below(rng, 2);
            snprintf(name, sizeof(name), "p%d", (int)rng_below(rng, 6));
            cleanup(value_free) struct value *pod =
                gateway_get(&world->gateway, &kind_pod, "default", name);
            switch (rng_below(rng, 8)) {
            case 0:
            case 1:
            case 2:
                if (!pod)
                    world_pod(world, name, node, "[run]", "Always");
                break;
            case 3:
                if (pod)
                    world_delete(world, name);
                break;
            case 4:
                world_restart_agent(world, node);
                break;
            case 5:
                gateway_kill(&world->gateway);
                world_run(world, (int64_t)rng_below(rng, 4000) * MS);
                gateway_start(&world->gateway);
                break;
            case 6:
                bus_fake_kill(world->broker);
                world_run(world, (int64_t)rng_below(rng, 4000) * MS);
                bus_fake_start(world->broker, rng_below(rng, 2));
                break;
            case 7:
                world_reboot(world, node, DISK_FAKE_CHANCE);
                break;
            }
            world_run(world, (int64_t)rng_below(rng, 2000) * MS);
        }
        bus_fake_set_faults(world->broker, &calm);
        bus_fake_wipe(world->broker); /* a lost message is said again at the latest then */
        world_settle(world, 120 * S);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives__pod_runs),
        cmocka_unit_test(test_lives__agent_killed_leaves_pods),
        cmocka_unit_test(test_lives__agent_killed_at_any_time),
        cmocka_unit_test(test_lives__agent_ready_when_all_is_adopted),
        cmocka_unit_test(test_lives__agent_killed_at_each_step),
        cmocka_unit_test(test_lives__keeper_killed_starts_anew),
        cmocka_unit_test(test_lives__keeper_that_does_not_answer),
        cmocka_unit_test(test_lives__silent_keeper_ends),
        cmocka_unit_test(test_lives__crash_is_restarted_without_gateway),
        cmocka_unit_test(test_lives__gateway_killed_at_any_time),
        cmocka_unit_test(test_lives__broker_killed_or_wiped),
        cmocka_unit_test(test_lives__all_three_killed),
        cmocka_unit_test(test_lives__what_a_pod_is_told),
        cmocka_unit_test(test_lives__storm),
    };
    return SCENARIOS(tests);
}
