/* The node's disk: full, failing, flipping bits; static manifests that are torn. */

#include "common/base/map.h"
#include "tests/sim/world/scenario.h"

static const char static_pod[] = "apiVersion: v1\n"
                                 "kind: Pod\n"
                                 "metadata: {name: kiosk}\n"
                                 "spec:\n"
                                 "  containers:\n"
                                 "  - {name: main, image: app, command: [run]}\n";

static struct world *two_pods(void **state, uint64_t seed)
{
    struct world *world = world_new(*state, seed, 1);
    world_pod(world, "a", 0, "[run]", "Always");
    world_pod(world, "b", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    return world;
}

static void test_disk__full_leaves_what_runs(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = two_pods(state, seed);
        struct node *node = &world->nodes[0];
        autofree char *running = world_running(world, 0);
        disk_fake_set_size(node->state, (int64_t)rng_below(&world->rng.rng, 3000));
        world_pod(world, "more", 0, "[run]", "Always");
        world_run(world, 60 * S);
        world_expect_running(world, 0, running);
        world_restart_agent(world, 0);
        world_run(world, 30 * S);
        world_expect_running(world, 0, running);
        disk_fake_set_size(node->state, -1);
        world_settle(world, 90 * S);
        assert_true(world_runs(world, 0, "more"));
        world_free(world);
    }
}

/* Room for one write less than a commit needs, at each of its writes. */
static void test_disk__write_fails_at_each_step(void **state)
{
    static const unsigned ops[] = {DISK_FAKE_WRITE, DISK_FAKE_FSYNC, DISK_FAKE_RENAME,
                                   DISK_FAKE_DIR_FSYNC};
    struct world *world = two_pods(state, 5);
    struct node *node = &world->nodes[0];
    for (int after = 0; after < 6; after++) {
        for (size_t op = 0; op < sizeof(ops) / sizeof(ops[0]); op++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d-%zu", after, op);
            disk_fake_fail(node->state, ops[op], op % 2 ? -EIO : -ENOSPC, after, 3);
            world_pod(world, name, 0, "[run]", "Always");
            world_run(world, 2 * S);
            world_settle(world, 90 * S);
            disk_fake_heal(node->state);
            world_delete(world, name);
            world_settle(world, 60 * S);
        }
    }
    assert_true(world_runs(world, 0, "a"));
    world_free(world);
}

/* The whole disk answers nothing; the agent is restarted on it. */
static void test_disk__unreadable_stops_nothing(void **state)
{
    static const unsigned ops[] = {DISK_FAKE_READ, DISK_FAKE_READ | DISK_FAKE_LOOK,
                                   DISK_FAKE_CHANGES,
                                   DISK_FAKE_READ | DISK_FAKE_LOOK | DISK_FAKE_CHANGES};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        struct world *world = two_pods(state, 10 + i);
        struct node *node = &world->nodes[0];
        struct err err = {0};
        world_static(world, 0, "kiosk.yaml", static_pod);
        world_run(world, 5 * S);
        assert_true(world_runs(world, 0, "kiosk-node-0"));
        autofree char *running = world_running(world, 0);
        disk_fake_fail(node->state, ops[i], -EIO, 0, -1);
        agent_reload(node->agent);
        world_run(world, 30 * S);
        world_expect_running(world, 0, running);
        world_kill_agent(world, 0);
        disk_fake_fail(node->state, ops[i], -EIO, 0, -1);
        if (node_start(node, &err) == 0)
            world_run(world, 60 * S);
        world_expect_running(world, 0, running);
        disk_fake_heal(node->state);
        if (!node->up)
            world_start_agent(world, 0);
        world_settle(world, 60 * S);
        world_restart_agent(world, 0);
        world_settle(world, 60 * S);
        world_expect_running(world, 0, running);
        world_free(world);
    }
}

struct files {
    char *paths[32];
    size_t count;
};

static int add_file(void *ctx, const char *name, enum disk_type type)
{
    struct files *files = ctx;
    if (type == DISK_FILE && files->count < 32)
        files->paths[files->count++] = xasprintf(NODE_DESIRED "/m/%s", name);
    return 0;
}

/* A pod of the gateway that has a name as static pods have it. */
static void pod_named_like_a_static_one(struct world *world)
{
    world_pod(world, "c-node-0", 0, "[run]", "Always");
    world_settle(world, 20 * S);
}

/* One bit of each file of the desired state, both copies of the index too. */
static void test_disk__flipped_bit_stops_nothing(void **state)
{
    WORLD_EACH_SEED(seed, 3)
    {
        struct world *world = two_pods(state, seed);
        struct node *node = &world->nodes[0];
        struct disk *disk = disk_fake_disk(node->state);
        struct err err = {0};
        pod_named_like_a_static_one(world);
        world_run(world, 5 * S); /* until both copies are written */
        autofree char *running = world_running(world, 0);
        struct files files = {{xstrdup(NODE_DESIRED "/index.a"), xstrdup(NODE_DESIRED "/index.b")},
                              2};
        assert_int_equal(disk->list(disk, NODE_DESIRED "/m", add_file, &files, &err), 0);
        for (size_t i = 0; i <= files.count; i++) {
            uint64_t bit = rng_below(&world->rng.rng, 10000);
            if (i < files.count) {
                assert_int_equal(disk_fake_flip(node->state, files.paths[i], bit), 0);
            } else { /* both copies */
                assert_int_equal(disk_fake_flip(node->state, files.paths[0], bit), 0);
                assert_int_equal(disk_fake_flip(node->state, files.paths[1], bit), 0);
            }
            if (i % 2)
                agent_reload(node->agent);
            world_restart_agent(world, 0);
            world_settle(world, 60 * S);
            world_expect_running(world, 0, running);
        }
        /* And with nobody who could send it again: the other pods run after a reboot. */
        world_run(world, 5 * S);
        gateway_kill(&world->gateway);
        bus_fake_kill(world->broker);
        assert_int_equal(disk_fake_flip(node->state, files.paths[0], 3), 0);
        assert_int_equal(disk_fake_flip(node->state, files.paths[2], 3), 0);
        world_reboot(world, 0, DISK_FAKE_LOSE_ALL);
        world_run(world, 10 * S);
        assert_int_equal(world_runs(world, 0, "a") + world_runs(world, 0, "b") +
                             world_runs(world, 0, "c-node-0"),
                         2);
        bus_fake_start(world->broker, true);
        gateway_start(&world->gateway);
        world_settle(world, 60 * S);
        for (size_t i = 0; i < files.count; i++)
            free(files.paths[i]);
        world_free(world);
    }
}

static void test_disk__lost_index_stops_nothing(void **state)
{
    struct world *world = two_pods(state, 6);
    struct disk *disk = disk_fake_disk(world->nodes[0].state);
    struct err err = {0};
    pod_named_like_a_static_one(world);
    autofree char *running = world_running(world, 0);
    gateway_kill(&world->gateway);
    bus_fake_kill(world->broker);
    world_kill_agent(world, 0);
    assert_int_equal(disk->remove_tree(disk, NODE_DESIRED, &err), 0);
    world_start_agent(world, 0);
    world_run(world, 60 * S);
    world_expect_running(world, 0, running);
    bus_fake_start(world->broker, true);
    gateway_start(&world->gateway);
    world_settle(world, 60 * S);
    world_expect_running(world, 0, running);
    world_free(world);
}

/* Static pods. */

static void test_disk__static_pod_lives_alone(void **state)
{
    struct world *world = world_new_dark(*state, 8, 1);
    world->nodes[0].identity = NULL; /* never enrolled, no controller ever existed */
    world_static(world, 0, "kiosk.yaml", static_pod);
    world_start_agent(world, 0);
    world_run(world, 5 * S);
    assert_true(world_runs(world, 0, "kiosk-node-0"));
    autofree char *running = world_running(world, 0);
    world_restart_agent(world, 0);
    world_run(world, 5 * S);
    world_expect_running(world, 0, running);
    world_reboot(world, 0, DISK_FAKE_LOSE_ALL);
    world_run(world, 5 * S);
    assert_true(world_runs(world, 0, "kiosk-node-0"));
    (void)map_put(world->may_end, "kiosk-node-0", world);
    world_static(world, 0, "kiosk.yaml", NULL);
    world_run(world, 40 * S);
    assert_false(world_runs(world, 0, "kiosk-node-0"));
    world_free(world);
}

/* Torn while the agent looks, and torn when it starts; other pods come and go meanwhile. */
static void test_disk__torn_static_manifest_keeps_the_pod(void **state)
{
    struct world *world = world_new(*state, 9, 1);
    world_static(world, 0, "kiosk.yaml", static_pod);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    autofree char *running = world_running(world, 0);
    autofree char *torn = xstrndup(static_pod, sizeof(static_pod) / 2);
    const char *const texts[] = {torn, "", "kind: [", "apiVersion: v1\nkind: Pod\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        world_static(world, 0, "kiosk.yaml", texts[i]);
        world_run(world, 10 * S);
        world_expect_running(world, 0, running);
        world_restart_agent(world, 0);
        world_run(world, 10 * S);
        world_expect_running(world, 0, running);
    }
    world_pod(world, "more", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    world_delete(world, "more");
    world_settle(world, 20 * S); /* a torn static file holds no other pod back */
    world_static(world, 0, "kiosk.yaml", static_pod);
    world_run(world, 10 * S);
    world_expect_running(world, 0, running);
    (void)map_put(world->may_end, "kiosk-node-0", world);
    world_static(world, 0, "kiosk.yaml", NULL);
    world_run(world, 40 * S);
    assert_false(world_runs(world, 0, "kiosk-node-0"));
    world_free(world);
}

/* Another pod under the old one's name: it waits until that has ended. */
static void test_disk__static_pod_changes(void **state)
{
    struct world *world = world_new(*state, 11, 1);
    world_static(world, 0, "kiosk.yaml", static_pod);
    world_run(world, 5 * S);
    autofree char *before = world_running(world, 0);
    (void)map_put(world->may_end, "kiosk-node-0", world);
    world_static(world, 0, "kiosk.yaml",
                 "apiVersion: v1\n"
                 "kind: Pod\n"
                 "metadata: {name: kiosk}\n"
                 "spec:\n"
                 "  terminationGracePeriodSeconds: 4\n"
                 "  containers:\n"
                 "  - {name: main, image: app, command: [stubborn]}\n");
    world_run(world, 40 * S);
    autofree char *after = world_running(world, 0);
    assert_string_not_equal(before, after);
    assert_true(world_runs(world, 0, "kiosk-node-0"));
    world_static(world, 0, "kiosk.yaml", static_pod); /* and back, from one that takes no TERM */
    world_run(world, 2 * S);
    world_expect_running(world, 0, after);
    world_run(world, 5 * S);
    autofree char *last = world_running(world, 0);
    assert_string_not_equal(last, after);
    assert_true(world_runs(world, 0, "kiosk-node-0"));
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk__full_leaves_what_runs),
        cmocka_unit_test(test_disk__write_fails_at_each_step),
        cmocka_unit_test(test_disk__unreadable_stops_nothing),
        cmocka_unit_test(test_disk__flipped_bit_stops_nothing),
        cmocka_unit_test(test_disk__lost_index_stops_nothing),
        cmocka_unit_test(test_disk__static_pod_lives_alone),
        cmocka_unit_test(test_disk__static_pod_changes),
        cmocka_unit_test(test_disk__torn_static_manifest_keeps_the_pod),
    };
    return SCENARIOS(tests);
}
