/* A captured broker: forged, replayed, older, empty, doubled, reordered and lost desired state. */

#include "common/base/map.h"
#include "common/bus/index.h"
#include "tests/sim/world/scenario.h"

static char *desired_topic(const struct world *world, size_t node)
{
    return xasprintf("limpet/v1/nodes/%s/down/desired", world->nodes[node].identity->node);
}

static void say(struct world *world, size_t node, const void *payload, size_t len)
{
    autofree char *topic = desired_topic(world, node);
    const struct bus_msg msg = {
        .topic = topic, .payload = payload, .len = len, .qos = 1, .retain = true};
    bus_fake_inject(world->broker, &msg);
    world_run(world, 3 * S);
}

struct text {
    char *data;
    size_t len;
};

static struct text retained_index(struct world *world, size_t node)
{
    autofree char *topic = desired_topic(world, node);
    const struct bus_msg *msg = bus_fake_retained(world->broker, topic);
    assert_non_null(msg);
    return (struct text){xmemdup(msg->payload, msg->len), msg->len};
}

/* An index as the gateway makes them, signed by whom one likes. */
static void forge(struct buf *ret, const char *node, uint64_t epoch, uint64_t generation,
                  const char *path, const struct key *key)
{
    struct index index;
    struct err err = {0};
    char digest[SHA256_HEX + 1];
    index_init(&index);
    snprintf(index.node, sizeof(index.node), "%s", node);
    index.epoch = epoch;
    index.generation = generation;
    index.time_ns = WORLD_WALL;
    sha256_hex("x", 1, digest);
    if (path)
        assert_int_equal(index_put(&index, path, digest, &err), 0);
    buf_init(ret, 0);
    assert_int_equal(index_sign(&index, key, ret, &err), 0);
    index_done(&index);
}

/* A world with a pod on each of two nodes. */
static struct world *two_pods(void **state, uint64_t seed)
{
    struct world *world = world_new(*state, seed, 2);
    world_pod(world, "web", 0, "[run]", "Always");
    world_pod(world, "other", 1, "[run]", "Always");
    world_settle(world, 20 * S);
    return world;
}

static void expect_unmoved(struct world *world, const char *running, uint64_t generation)
{
    world_run(world, 5 * S);
    world_expect_running(world, 0, running);
    assert_int_equal(desired_generation(world->nodes[0].desired), generation);
    world_restart_agent(world, 0);
    world_run(world, 5 * S);
    world_expect_running(world, 0, running);
    assert_int_equal(desired_generation(world->nodes[0].desired), generation);
}

static void test_index__forged_changes_nothing(void **state)
{
    struct world *world = two_pods(state, 1);
    const struct cast *cast = world->cast;
    const char *own = cast->nodes[0]->node, *other = cast->nodes[1]->node;
    autofree char *running = world_running(world, 0);
    uint64_t generation = desired_generation(world->nodes[0].desired);
    const struct {
        const char *node;
        uint64_t epoch, generation;
        const char *path;
        const struct key *key;
    } forgeries[] = {
        {own, 1, generation + 1, NULL, cast->stranger},              /* a stranger's key */
        {own, 9, generation + 1, NULL, cast->stranger},              /* ... a later epoch */
        {own, 1, generation + 1, NULL, cast->trust->sealing},        /* another purpose's key */
        {own, 1, generation + 1, NULL, cast->nodes[0]->sealing_key}, /* the node's own */
        {other, 1, generation + 1, NULL, cast->trust->signer},       /* another node's */
        {own, 1, generation, NULL, cast->trust->signer}, /* this generation, otherwise */
        {own, 1, generation, "Pod/default/evil", cast->trust->signer},
        {own, 1, generation - 1, NULL, cast->trust->signer}, /* an older one */
    };
    for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
        cleanup(buf_done) struct buf payload;
        forge(&payload, forgeries[i].node, forgeries[i].epoch, forgeries[i].generation,
              forgeries[i].path, forgeries[i].key);
        say(world, 0, payload.data, payload.len);
        world_expect_running(world, 0, running);
        expect_unmoved(world, running, generation);
    }
    world_free(world);
}

static void test_index__torn_or_empty_changes_nothing(void **state)
{
    struct world *world = two_pods(state, 2);
    autofree char *running = world_running(world, 0);
    uint64_t generation = desired_generation(world->nodes[0].desired);
    struct text good = retained_index(world, 0);
    const char *const texts[] = {"", "{}", "{}\n{}\n", "null", "[]\n[]\n", "\n\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        say(world, 0, texts[i], strlen(texts[i]));
    expect_unmoved(world, running, generation);
    for (size_t cut = 1; cut < good.len; cut += good.len / 9)
        say(world, 0, good.data, cut);
    expect_unmoved(world, running, generation);
    for (size_t at = 0; at < good.len; at += good.len / 15) {
        good.data[at] ^= 1;
        say(world, 0, good.data, good.len);
        good.data[at] ^= 1;
    }
    expect_unmoved(world, running, generation);
    free(good.data);
    /* The gateway's word still counts. */
    world_pod(world, "next", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    world_free(world);
}

static void test_index__replayed_or_older_changes_nothing(void **state)
{
    WORLD_EACH_SEED(seed, 3)
    {
        struct world *world = two_pods(state, seed);
        struct text old[4];
        for (int i = 0; i < 4; i++) {
            char name[16];
            old[i] = retained_index(world, 0);
            snprintf(name, sizeof(name), "p%d", i);
            world_pod(world, name, 0, "[run]", "Always");
            world_settle(world, 20 * S);
        }
        world_delete(world, "p1");
        world_settle(world, 20 * S);
        world_run(world, 3 * S); /* the index that follows the last word */
        autofree char *running = world_running(world, 0);
        uint64_t generation = desired_generation(world->nodes[0].desired);
        for (int i = 0; i < 8; i++) {
            const struct text *one = &old[rng_below(&world->rng.rng, 4)];
            say(world, 0, one->data, one->len);
        }
        expect_unmoved(world, running, generation);
        for (int i = 0; i < 4; i++)
            free(old[i].data);
        world_free(world);
    }
}

/* Replayed to a node that was wiped: an old state may come, but the newest wins. */
static void test_index__doubled_reordered_lost_settle(void **state)
{
    WORLD_EACH_SEED(seed, 8)
    {
        struct world *world = two_pods(state, seed);
        const struct bus_fake_faults bad = {.drop = 100,
                                            .duplicate = 300,
                                            .reorder = 400,
                                            .delay_min_ns = 1 * MS,
                                            .delay_max_ns = 900 * MS};
        const struct bus_fake_faults calm = {.delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
        bus_fake_set_faults(world->broker, &bad);
        for (int i = 0; i < 8; i++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d", i);
            world_pod(world, name, 0, "[run]", "Always");
            world_run(world, (int64_t)rng_below(&world->rng.rng, 1500) * MS);
            if (i % 3 == 2)
                world_delete(world, name);
        }
        world_run(world, 5 * S);
        bus_fake_set_faults(world->broker, &calm);
        bus_fake_disconnect(world->broker, world->nodes[0].client_id);
        bus_fake_wipe(world->broker);
        world_settle(world, 90 * S);
        world_free(world);
    }
}

/* Without a new connection: what one message lacked is asked for, or said again. */
static void test_index__lost_manifest_is_asked_for(void **state)
{
    WORLD_EACH_SEED(seed, 6)
    {
        struct world *world = two_pods(state, seed);
        const struct bus_fake_faults bad = {
            .drop = 500, .delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
        const struct bus_fake_faults calm = {.delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
        bus_fake_set_faults(world->broker, &bad);
        for (int i = 0; i < 4; i++) {
            char name[16];
            snprintf(name, sizeof(name), "p%d", i);
            world_pod(world, name, 0, "[run]", "Always");
        }
        world_run(world, 2 * S);
        bus_fake_set_faults(world->broker, &calm);
        world_pod(world, "last", 0, "[run]", "Always");
        world_settle(world, 60 * S);
        world_free(world);
    }
}

/* A manifest whose bytes are not those of its digest, on its very topic. */
static void spoil(void *ctx, const char *client_id, const struct bus_msg *msg)
{
    struct map *topics = ctx;
    (void)client_id;
    if (msg->retain && msg->len > 0 && strstr(msg->topic, "/down/Pod/"))
        (void)map_put(topics, msg->topic, topics);
}

static void test_index__corrupt_manifest_is_refused(void **state)
{
    struct world *world = two_pods(state, 4);
    struct map *topics = map_new();
    autofree char *running = world_running(world, 0);
    bus_fake_set_spy(world->broker, spoil, topics);
    world_kill_agent(world, 0);
    world_pod(world, "next", 0, "[run]", "Always");
    world_run(world, 2 * S);
    const char *topic;
    for (size_t i = 0; map_next(topics, &i, &topic, NULL);) {
        const struct bus_msg msg = {
            .topic = topic, .payload = "kind: Pod", .len = 9, .qos = 1, .retain = true};
        bus_fake_inject(world->broker, &msg);
    }
    world_start_agent(world, 0);
    world_run(world, 30 * S);
    world_expect_running(world, 0, running);
    assert_false(world_runs(world, 0, "next"));
    bus_fake_set_spy(world->broker, NULL, NULL);
    bus_fake_wipe(world->broker);
    world_settle(world, 40 * S);
    map_free(topics, NULL);
    world_free(world);
}

/* The index of a changed pod comes, its manifest does not: the old set stays whole, over a reboot.
 */
static void test_index__withheld_manifest_keeps_the_old_one(void **state)
{
    struct world *world = two_pods(state, 9);
    struct map *topics = map_new();
    bus_fake_set_spy(world->broker, spoil, topics);
    world_kill_agent(world, 0);
    world_apply(world, "apiVersion: v1\n"
                       "kind: Pod\n"
                       "metadata: {name: web, namespace: default}\n"
                       "spec:\n"
                       "  nodeName: node-0\n"
                       "  terminationGracePeriodSeconds: 5\n"
                       "  containers:\n"
                       "  - {name: main, image: other, command: [run]}\n");
    world_run(world, 2 * S);
    const char *topic;
    for (size_t i = 0; map_next(topics, &i, &topic, NULL);) {
        const struct bus_msg clear = {.topic = topic, .qos = 1, .retain = true};
        bus_fake_inject(world->broker, &clear);
    }
    uint64_t generation;
    gateway_kill(&world->gateway);
    world_start_agent(world, 0);
    world_run(world, 30 * S);
    generation = desired_generation(world->nodes[0].desired);
    assert_true(world_runs(world, 0, "web"));
    bus_fake_kill(world->broker);
    world_reboot(world, 0, DISK_FAKE_LOSE_ALL);
    world_run(world, 10 * S);
    assert_true(world_runs(world, 0, "web"));
    assert_int_equal(desired_generation(world->nodes[0].desired), generation);
    bus_fake_set_spy(world->broker, NULL, NULL);
    bus_fake_start(world->broker, true);
    gateway_start(&world->gateway);
    world_settle(world, 60 * S);
    world_run(world, 5 * S);
    assert_true(desired_generation(world->nodes[0].desired) > generation);
    map_free(topics, NULL);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index__forged_changes_nothing),
        cmocka_unit_test(test_index__torn_or_empty_changes_nothing),
        cmocka_unit_test(test_index__replayed_or_older_changes_nothing),
        cmocka_unit_test(test_index__doubled_reordered_lost_settle),
        cmocka_unit_test(test_index__lost_manifest_is_asked_for),
        cmocka_unit_test(test_index__corrupt_manifest_is_refused),
        cmocka_unit_test(test_index__withheld_manifest_keeps_the_old_one),
    };
    return SCENARIOS(tests);
}
