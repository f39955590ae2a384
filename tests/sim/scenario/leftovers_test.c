/* What pods leave that are taken away while their agent and their keeper are both dead. */

#include "common/base/map.h"
#include "tests/sim/world/scenario.h"

#define LOGS "/var/log/limpet"
#define POD(name, command)                                                                         \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {name: " name "}\n"                                                                 \
    "spec:\n"                                                                                      \
    "  containers:\n"                                                                              \
    "  - {name: main, image: app, command: [" command "]}\n"

/* Names that are not ours, or not whole. */
static const char *const strangers[] = {
    NODE_STATE "/pods/notes/file",
    NODE_STATE "/pods/0123abcd/file",
    NODE_STATE "/pods/11111111-2222-3333-4444-5555555555555/file",
    LOGS "/agent.log",
    LOGS "/default_web/main.log",
    LOGS "/Default_web_11111111-2222-3333-4444-555555555555/main.log",
    LOGS "/default_web_x_11111111-2222-3333-4444-555555555555/main.log",
};

struct pod_id {
    const char *name;
    char uid[40];
};

static int see_pod(void *ctx, const struct value *pod)
{
    struct pod_id *id = ctx;
    if (str_eq(object_name(pod), id->name))
        snprintf(id->uid, sizeof(id->uid), "%s", object_uid(pod));
    return 0;
}

/* What a pod has on a node: state, volumes, logs; its status the agent writes itself. */
static char *folder(const struct pod_id *id, size_t i)
{
    static const char *const forms[] = {NODE_STATE "/pods/%s", NODE_RUN "/volumes/%s",
                                        NODE_RUN "/status/%s.json"};
    if (i < ARRAY_LEN(forms)) {
        char path[128];
        size_t head = strcspn(forms[i], "%");
        snprintf(path, sizeof(path), "%.*s%s%s", (int)head, forms[i], id->uid, forms[i] + head + 2);
        return xstrdup(path);
    }
    return xasprintf(LOGS "/default_%s_%s", id->name, id->uid);
}
#define FOLDERS 4
#define STATUS 2

static bool exists(struct node *node, const char *path)
{
    struct disk *disk = disk_mux_disk(node->disk);
    struct disk_stat st;
    return disk->stat(disk, path, &st, NULL) == 0;
}

static void plant(struct node *node, const char *path)
{
    bool tmpfs = str_has_prefix(path, NODE_RUN);
    disk_fake_plant(tmpfs ? node->run : node->state, path, "x", 1);
}

/* The pod runs; its folders get something in them. */
static struct pod_id furnish(struct node *node, const char *name)
{
    struct pod_id id = {.name = name};
    agent_each_pod(node->agent, see_pod, &id);
    assert_int_equal(strlen(id.uid), 36);
    for (size_t i = 0; i < FOLDERS; i++) {
        autofree char *path = folder(&id, i);
        autofree char *file = xasprintf("%s/deep/file", path);
        if (i != STATUS)
            plant(node, file);
    }
    return id;
}

static size_t left(struct node *node, const struct pod_id *id)
{
    size_t count = 0;
    for (size_t i = 0; i < FOLDERS; i++) {
        autofree char *path = folder(id, i);
        count += exists(node, path);
    }
    return count;
}

static void kill_both(struct world *world, const char *pod)
{
    world_kill_agent(world, 0);
    assert_true(keepers_fake_kill(world->nodes[0].keepers, "default", pod));
}

/* A static pod beside another; never enrolled, or not. */
static struct world *kiosk_world(void **state, uint64_t seed, bool enrolled)
{
    struct world *world = enrolled ? world_new(*state, seed, 1) : world_new_dark(*state, seed, 1);
    if (!enrolled) {
        world->nodes[0].identity = NULL;
        world_start_agent(world, 0);
    }
    world_static(world, 0, "kiosk.yaml", POD("kiosk", "run"));
    world_static(world, 0, "other.yaml", POD("other", "run"));
    world_run(world, 5 * S);
    assert_true(world_runs(world, 0, "kiosk-node-0"));
    return world;
}

static void test_leftovers__static_pod_taken_away(void **state)
{
    WORLD_EACH_SEED(seed, 4)
    {
        struct world *world = kiosk_world(state, seed, seed % 2);
        struct node *node = &world->nodes[0];
        struct pod_id kiosk = furnish(node, "kiosk-node-0"), other = furnish(node, "other-node-0");
        for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
            plant(node, strangers[i]);
        kill_both(world, "kiosk-node-0");
        world_static(world, 0, "kiosk.yaml", NULL);
        world_start_agent(world, 0);
        world_run(world, 5 * S);
        assert_int_equal(left(node, &kiosk), 0);
        assert_int_equal(left(node, &other), FOLDERS);
        assert_true(world_runs(world, 0, "other-node-0"));
        for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
            if (!exists(node, strangers[i]))
                world_fail(world, "%s was taken away", strangers[i]);
        world_free(world);
    }
}

/* Another pod under the old one's name: the old one's folders go, and only they. */
static void test_leftovers__static_pod_changed(void **state)
{
    struct world *world = kiosk_world(state, 3, false);
    struct node *node = &world->nodes[0];
    struct pod_id before = furnish(node, "kiosk-node-0");
    kill_both(world, "kiosk-node-0");
    world_static(world, 0, "kiosk.yaml", POD("kiosk", "stubborn"));
    world_start_agent(world, 0);
    world_run(world, 5 * S);
    struct pod_id after = furnish(node, "kiosk-node-0");
    assert_string_not_equal(before.uid, after.uid);
    assert_int_equal(left(node, &before), 0);
    assert_int_equal(left(node, &after), FOLDERS);
    world_free(world);
}

/* A manifest that cannot be read, a directory that is not there: nothing goes, before it is known
 * that nobody wants it. */
static void test_leftovers__doubt_keeps_static(void **state)
{
    struct world *world = kiosk_world(state, 4, true);
    struct node *node = &world->nodes[0];
    struct disk *disk = disk_fake_disk(node->state);
    struct err err = {0};
    struct pod_id kiosk = furnish(node, "kiosk-node-0");
    (void)map_put(world->may_end, "other-node-0", world); /* when the directory goes */
    kill_both(world, "kiosk-node-0");
    world_static(world, 0, "kiosk.yaml", "kind: [");
    for (int i = 0; i < 2; i++) {
        world_start_agent(world, 0);
        world_run(world, 5 * S);
        agent_reload(node->agent);
        world_run(world, 5 * S);
        assert_int_equal(left(node, &kiosk), FOLDERS);
        world_kill_agent(world, 0);
        if (i == 0)
            assert_int_equal(disk->remove_tree(disk, NODE_MANIFESTS, &err), 0);
    }
    world_start_agent(world, 0);
    world_static(world, 0, "more.yaml", NULL); /* the directory is back, and read */
    world_run(world, 5 * S);
    assert_int_equal(left(node, &kiosk), 0);
    world_free(world);
}

/* Nor does it without an index, or with one whose manifest is damaged. */
static void test_leftovers__doubt_keeps_desired(void **state)
{
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct world *world = world_new(*state, 5 + seed, 1);
        struct node *node = &world->nodes[0];
        struct disk *disk = disk_fake_disk(node->state);
        struct err err = {0};
        world_pod(world, "web", 0, "[run]", "Always");
        world_settle(world, 20 * S);
        struct pod_id web = furnish(node, "web");
        gateway_kill(&world->gateway);
        bus_fake_kill(world->broker);
        kill_both(world, "web");
        assert_int_equal(disk->remove_tree(disk, seed ? NODE_DESIRED : NODE_DESIRED "/m", &err), 0);
        world_start_agent(world, 0);
        world_run(world, 30 * S);
        assert_false(world_runs(world, 0, "web"));
        assert_int_equal(left(node, &web), FOLDERS);
        bus_fake_start(world->broker, true);
        gateway_start(&world->gateway);
        world_settle(world, 60 * S);
        assert_true(world_runs(world, 0, "web"));
        assert_int_equal(left(node, &web), FOLDERS);
        world_free(world);
    }
}

/* Nor with an index that may be older than one that was damaged. */
static void test_leftovers__doubt_keeps_what_an_older_index_lacks(void **state)
{
    struct world *world = world_new(*state, 9, 1);
    struct node *node = &world->nodes[0];
    struct disk *disk = disk_fake_disk(node->state);
    struct err err = {0};
    cleanup(buf_done) struct buf older;
    buf_init(&older, 0);
    world_pod(world, "first", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    assert_int_equal(disk->read(disk, NODE_DESIRED "/index.a", 1 << 20, &older, &err), 0);
    world_pod(world, "web", 0, "[run]", "Always");
    world_settle(world, 20 * S);
    struct pod_id web = furnish(node, "web");
    gateway_kill(&world->gateway);
    bus_fake_kill(world->broker);
    kill_both(world, "web");
    disk_fake_plant(node->state, NODE_DESIRED "/index.b", older.data, older.len);
    assert_int_equal(disk_fake_flip(node->state, NODE_DESIRED "/index.a", 99), 0);
    world_start_agent(world, 0);
    world_run(world, 30 * S);
    assert_true(world_runs(world, 0, "first"));
    assert_false(world_runs(world, 0, "web"));
    assert_int_equal(left(node, &web), FOLDERS);
    bus_fake_start(world->broker, true);
    gateway_start(&world->gateway);
    world_settle(world, 60 * S);
    assert_int_equal(left(node, &web), FOLDERS);
    world_free(world);
}

/* A deleted pod whose end the power cut short, at each step. */
static void test_leftovers__power_cut_while_a_pod_ends(void **state)
{
    struct world *world = world_new(*state, 7, 1);
    struct node *node = &world->nodes[0];
    unsigned untouched = 0;
    for (uint64_t step = 0; step < 120 && untouched < 2; step++) {
        char name[16];
        snprintf(name, sizeof(name), "p%llu", (unsigned long long)step);
        world_pod(world, name, 0, "[run]", "Always");
        world_settle(world, 30 * S);
        struct pod_id pod = furnish(node, name);
        disk_fake_cut_after(node->state, step);
        world_delete(world, name);
        world_run(world, 5 * S);
        untouched += node->up;
        node_power_off(node, DISK_FAKE_KEEP_ALL);
        world_start_agent(world, 0);
        world_settle(world, 60 * S);
        assert_int_equal(left(node, &pod), 0);
    }
    assert_int_equal(untouched, 2);
    world_free(world);
}

/* The sweep itself is cut, at each step: the next one ends it. */
static void test_leftovers__agent_killed_at_each_step(void **state)
{
    unsigned untouched = 0;
    for (uint64_t step = 0; step < 120 && untouched < 2; step++) {
        struct world *world = kiosk_world(state, 8, false);
        struct node *node = &world->nodes[0];
        struct err err = {0};
        struct pod_id kiosk = furnish(node, "kiosk-node-0");
        kill_both(world, "kiosk-node-0");
        world_static(world, 0, "kiosk.yaml", NULL);
        disk_fake_cut_after(node->state, step);
        if (node_start(node, &err) == 0)
            world_run(world, 5 * S);
        untouched += node->up;
        node_kill(node);
        world_start_agent(world, 0);
        world_run(world, 5 * S);
        assert_int_equal(left(node, &kiosk), 0);
        assert_true(world_runs(world, 0, "other-node-0"));
        world_free(world);
    }
    assert_int_equal(untouched, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leftovers__static_pod_taken_away),
        cmocka_unit_test(test_leftovers__static_pod_changed),
        cmocka_unit_test(test_leftovers__doubt_keeps_static),
        cmocka_unit_test(test_leftovers__doubt_keeps_desired),
        cmocka_unit_test(test_leftovers__doubt_keeps_what_an_older_index_lacks),
        cmocka_unit_test(test_leftovers__power_cut_while_a_pod_ends),
        cmocka_unit_test(test_leftovers__agent_killed_at_each_step),
    };
    return SCENARIOS(tests);
}
