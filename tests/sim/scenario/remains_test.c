/* What is gone leaves nothing: in the store, at the broker, after a crash. */

#include "common/bus/index.h"
#include "controller/link/session.h"
#include "controller/link/sheets.h"
#include "tests/sim/world/scenario.h"

static size_t records(const struct world *world, const char *prefix, size_t node)
{
    autofree char *text = xasprintf("%s%s", prefix, world->nodes[node].identity->node);
    return store_count(world->gateway.store, text);
}

static size_t retained(const struct world *world, size_t node, const char *tree)
{
    autofree char *filter =
        xasprintf("limpet/v1/nodes/%s/%s#", world->nodes[node].identity->node, tree);
    return bus_fake_retained_count(world->broker, filter);
}

/* The broker has the last index and what it lists, and no more. */
static void expect_tidy(struct world *world, size_t node)
{
    const char *id = world->nodes[node].identity->node;
    autofree char *topic = xasprintf("limpet/v1/nodes/%s/down/desired", id);
    const struct bus_msg *msg = bus_fake_retained(world->broker, topic);
    const struct key *keys[] = {world->cast->trust->signer};
    const struct index_trust trust = {keys, 1};
    cleanup(index_done) struct index index;
    struct err err = {0};
    index_init(&index);
    assert_non_null(msg);
    assert_int_equal(index_open(msg->payload, msg->len, &trust, id, &index, &err), 0);
    if (retained(world, node, "down/") != index.count + 1)
        world_fail(world, "%zu messages for %zu manifests and their index",
                   retained(world, node, "down/"), index.count);
    for (size_t i = 0; i < index.count; i++) {
        char text[TOPIC_MAX + 1];
        assert_int_equal(
            topic_of_manifest(id, index.entries[i].path, index.entries[i].digest, text, &err), 0);
        assert_non_null(bus_fake_retained(world->broker, text));
    }
}

static void secret(struct world *world, const char *name, const char *data)
{
    autofree char *yaml = xasprintf("apiVersion: v1\n"
                                    "kind: Secret\n"
                                    "metadata: {name: %s, namespace: default}\n"
                                    "data: {key: %s}\n",
                                    name, data);
    world_apply(world, yaml);
}

/* A pod on a node that reads a secret. */
static void reader(struct world *world, const char *name, size_t node, const char *reads)
{
    autofree char *yaml = xasprintf("apiVersion: v1\n"
                                    "kind: Pod\n"
                                    "metadata: {name: %s, namespace: default}\n"
                                    "spec:\n"
                                    "  nodeName: %s\n"
                                    "  terminationGracePeriodSeconds: 5\n"
                                    "  volumes:\n"
                                    "  - {name: s, secret: {secretName: %s}}\n"
                                    "  containers:\n"
                                    "  - name: main\n"
                                    "    image: app\n"
                                    "    command: [run]\n"
                                    "    volumeMounts: [{name: s, mountPath: /s}]\n",
                                    name, world->nodes[node].name, reads);
    world_apply(world, yaml);
}

static void remove_object(struct world *world, const struct schema_kind *kind, const char *name)
{
    const char *ns = kind->namespaced ? "default" : "";
    assert_int_equal(gateway_delete(&world->gateway, kind, ns, name), 200);
}

static void test_remains__secrets_that_nobody_reads(void **state)
{
    struct world *world = world_new(*state, 1, 2);
    secret(world, "a", "Zmlyc3Q=");
    secret(world, "b", "Zmlyc3Q=");
    reader(world, "one", 0, "a");
    reader(world, "two", 0, "a");
    reader(world, "three", 0, "b");
    reader(world, "far", 1, "a");
    world_settle(world, 20 * S);
    assert_int_equal(records(world, SHEETS_SEALED, 0), 2);
    assert_int_equal(records(world, SHEETS_SEALED, 1), 1);
    secret(world, "a", "c2Vjb25k"); /* in the place of the first */
    world_delete(world, "one");
    world_settle(world, 20 * S);
    world_run(world, 2 * S);
    assert_int_equal(records(world, SHEETS_SEALED, 0), 2);
    world_delete(world, "two");
    world_settle(world, 20 * S);
    world_run(world, 2 * S);
    assert_int_equal(records(world, SHEETS_SEALED, 0), 1);
    assert_int_equal(records(world, SHEETS_SEALED, 1), 1);
    remove_object(world, &kind_secret, "b"); /* its reader stays */
    world_run(world, 2 * S);
    assert_int_equal(records(world, SHEETS_SEALED, 0), 0);
    expect_tidy(world, 0);
    expect_tidy(world, 1);
    secret(world, "b", "dGhpcmQ="); /* and is there again */
    world_run(world, 2 * S);
    assert_int_equal(records(world, SHEETS_SEALED, 0), 1);
    world_free(world);
}

/* A crash between any two steps: the store and the broker are tidy some time after the return. */
static void test_remains__crash_while_things_go(void **state)
{
    WORLD_EACH_SEED(seed, 10)
    {
        struct world *world = world_new(*state, seed, 1);
        struct rng *rng = &world->rng.rng;
        secret(world, "a", "Zmlyc3Q=");
        for (int i = 0; i < 4; i++) {
            reader(world, "web", 0, "a");
            world_pod(world, "other", 0, "[run]", "Always");
            world_settle(world, 20 * S);
            secret(world, "a", i % 2 ? "Zmlyc3Q=" : "c2Vjb25k");
            world_run(world, (int64_t)rng_below(rng, 40) * MS);
            world_delete(world, "web");
            world_delete(world, "other");
            world_run(world, (int64_t)rng_below(rng, 60) * MS);
            if (rng_below(rng, 2)) {
                gateway_kill(&world->gateway);
                world_run(world, (int64_t)rng_below(rng, 3000) * MS);
                gateway_start(&world->gateway);
            } else {
                bus_fake_kill(world->broker);
                world_run(world, (int64_t)rng_below(rng, 3000) * MS);
                bus_fake_start(world->broker, false);
            }
            world_settle(world, 60 * S);
            world_run(world, 3 * S);
            expect_tidy(world, 0);
            assert_int_equal(records(world, SHEETS_SEALED, 0), 0);
        }
        world_free(world);
    }
}

static struct world *two_readers(void **state, uint64_t seed)
{
    struct world *world = world_new(*state, seed, 2);
    secret(world, "a", "Zmlyc3Q=");
    reader(world, "one", 0, "a");
    reader(world, "far", 1, "a");
    world_settle(world, 20 * S);
    return world;
}

static void expect_gone(struct world *world, size_t node)
{
    if (retained(world, node, "") != 0)
        world_fail(world, "the broker retains %zu messages of a node that is gone",
                   retained(world, node, ""));
    assert_int_equal(records(world, SHEETS_SEALED, node), 0);
    assert_int_equal(records(world, SESSION_INDEXES, node), 0);
}

static void expect_there(struct world *world, size_t node)
{
    expect_tidy(world, node);
    assert_true(retained(world, node, "up/") >= 2);
    assert_int_equal(records(world, SHEETS_SEALED, node), 1);
    assert_int_equal(records(world, SESSION_INDEXES, node), 1);
}

static void test_remains__node_goes(void **state)
{
    struct world *world = two_readers(state, 1);
    autofree char *far = world_running(world, 1);
    world_kill_agent(world, 0);
    remove_object(world, &kind_node, "node-0");
    world_run(world, 5 * S);
    expect_gone(world, 0);
    expect_there(world, 1);
    world_expect_running(world, 1, far);
    world_free(world);
}

/* Its agent still talks, and dies: what it says then goes too. */
static void test_remains__node_goes_talking(void **state)
{
    struct world *world = two_readers(state, 2);
    autofree char *running = world_running(world, 0);
    remove_object(world, &kind_node, "node-0");
    world_run(world, 5 * S);
    world_expect_running(world, 0, running); /* nobody told it to end anything */
    assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", "one"));
    world_run(world, 20 * S);
    expect_gone(world, 0);
    node_power_off(&world->nodes[0], DISK_FAKE_LOSE_ALL);
    world_run(world, 60 * S); /* the broker says its will */
    expect_gone(world, 0);
    expect_there(world, 1);
    world_free(world);
}

static void test_remains__crash_while_a_node_goes(void **state)
{
    WORLD_EACH_SEED(seed, 10)
    {
        struct world *world = two_readers(state, seed);
        struct rng *rng = &world->rng.rng;
        world_kill_agent(world, 0);
        world_run(world, 30 * S);
        if (seed % 3 == 0) /* the broker does not hear of it at first */
            bus_fake_kill(world->broker);
        remove_object(world, &kind_node, "node-0");
        world_run(world, (int64_t)rng_below(rng, 1500) * MS);
        gateway_kill(&world->gateway);
        world_run(world, (int64_t)rng_below(rng, 3000) * MS);
        gateway_start(&world->gateway);
        if (seed % 3 == 0)
            bus_fake_start(world->broker, false);
        world_run(world, 30 * S);
        expect_gone(world, 0);
        expect_there(world, 1);
        world_free(world);
    }
}

/* The same node joins again: what it is told now is not older than what it holds. */
static void test_remains__node_comes_back(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = two_readers(state, seed);
        for (int i = 0; i < 5; i++) {
            world_pod(world, "more", 0, "[run]", "Always");
            world_settle(world, 20 * S);
            world_delete(world, "more");
            world_settle(world, 20 * S);
        }
        autofree char *running = world_running(world, 0);
        remove_object(world, &kind_node, "node-0");
        world_run(world, 10 * S);
        if (seed % 2) {
            gateway_kill(&world->gateway);
            gateway_start(&world->gateway);
            world_run(world, 10 * S);
        }
        expect_gone(world, 0);
        world_enrol(world, 0);
        world_restart_agent(world, 0);
        world_pod(world, "more", 0, "[run]", "Always");
        world_settle(world, 30 * S);
        assert_true(world_runs(world, 0, "more"));
        world_delete(world, "more");
        world_settle(world, 30 * S);
        world_expect_running(world, 0, running);
        expect_there(world, 0);
        world_free(world);
    }
}

/* Under a name that another node has taken since, or that never was: whatever it is. */
static void test_remains__strangers(void **state)
{
    struct world *world = two_readers(state, 4);
    const char *const topics[] = {
        "limpet/v1/nodes/node-0.ffffffff/up/online",
        "limpet/v1/nodes/node-0.ffffffff/up/any/thing",
        "limpet/v1/nodes/never.01234567/down/desired",
        "limpet/v1/nodes/never.01234567/down/Pod/default/x/y",
    };
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        const struct bus_msg msg = {
            .topic = topics[i], .payload = "x", .len = 1, .qos = 1, .retain = true};
        bus_fake_inject(world->broker, &msg);
    }
    gateway_kill(&world->gateway);
    gateway_start(&world->gateway);
    world_run(world, 5 * S);
    assert_int_equal(bus_fake_retained_count(world->broker, "limpet/v1/nodes/node-0.ffffffff/#"),
                     0);
    assert_int_equal(bus_fake_retained_count(world->broker, "limpet/v1/nodes/never.01234567/#"), 0);
    expect_there(world, 0);
    expect_there(world, 1);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remains__secrets_that_nobody_reads),
        cmocka_unit_test(test_remains__crash_while_things_go),
        cmocka_unit_test(test_remains__node_goes),
        cmocka_unit_test(test_remains__node_goes_talking),
        cmocka_unit_test(test_remains__crash_while_a_node_goes),
        cmocka_unit_test(test_remains__node_comes_back),
        cmocka_unit_test(test_remains__strangers),
    };
    return SCENARIOS(tests);
}
