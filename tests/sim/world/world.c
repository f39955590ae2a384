#include "tests/sim/world/world.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/manifest.h"
#include "controller/link/enrolment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TURNS_MAX 20000 /* in one moment: more is a loop that never rests */

void world_fail(const struct world *world, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fail_msg("seed %llu, at %.3f s: %s", (unsigned long long)world->seed,
             (double)world->clock.boot_ns / 1e9, text);
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

uint64_t world_first_seed(void)
{
    return env_number("LIMPET_SIM_SEED", 1);
}

uint64_t world_seeds(uint64_t usual)
{
    uint64_t times = env_number("LIMPET_SIM_SEEDS", getenv("LIMPET_LONG") ? 10 : 1);
    return getenv("LIMPET_SIM_SEED") ? 1 : usual * times;
}

/* Promises. */

static void pod_ending(void *ctx, const struct keeper_report *report, const char *by)
{
    struct world *world = ctx;
    world->ended++;
    if (!map_get(world->may_end, report->pod_uid) && !map_get(world->may_end, report->pod_name))
        world_fail(world, "pod %s/%s is wanted and runs, and is ended by %s", report->pod_ns,
                   report->pod_name, by);
}

struct doubles {
    const struct world *world;
    struct map *seen;
};

static void see_process(void *ctx, const struct keepers_fake_process *process)
{
    struct doubles *doubles = ctx;
    char key[512];
    snprintf(key, sizeof(key), "%s/%s/%s", process->ns, process->name, process->container);
    if (map_put(doubles->seen, key, doubles))
        world_fail(doubles->world, "two of container %s", key);
}

static void check_promises(struct world *world)
{
    for (size_t i = 0; i < world->node_count; i++) {
        uint64_t starts = keepers_fake_starts(world->nodes[i].keepers);
        if (starts == world->starts[i])
            continue;
        world->starts[i] = starts;
        struct doubles doubles = {world, map_new()};
        keepers_fake_each(world->nodes[i].keepers, see_process, &doubles);
        map_free(doubles.seen, NULL);
    }
}

/* Time. */

static void turn(struct world *world)
{
    assert_int_equal(loop_step(world->loop, 0), 0);
    for (size_t i = 0; i < world->node_count; i++)
        if (world->nodes[i].up && node_is_cut(&world->nodes[i]))
            node_kill(&world->nodes[i]);
    check_promises(world);
}

static void turns(struct world *world)
{
    unsigned count = 0;
    do {
        turn(world);
        if (++count > TURNS_MAX)
            world_fail(world, "the loop does not come to rest");
    } while (loop_next(world->loop) <= world->clock.boot_ns);
}

void world_run(struct world *world, int64_t ns)
{
    int64_t end = world->clock.boot_ns + ns;
    turns(world);
    for (int64_t next; (next = loop_next(world->loop)) <= end;) {
        if (next > world->clock.boot_ns)
            clock_fake_advance(&world->clock, next - world->clock.boot_ns);
        turns(world);
    }
    clock_fake_advance(&world->clock, end - world->clock.boot_ns);
}

void world_settle(struct world *world, int64_t max_ns)
{
    int64_t end = world->clock.boot_ns + max_ns;
    char why[512];
    for (;;) {
        world_run(world, 200 * MS);
        if (world_is_settled(world, why, sizeof(why)))
            return;
        if (world->clock.boot_ns >= end)
            world_fail(world, "not settled after %lld s: %s", (long long)(max_ns / S), why);
    }
}

/* Making. */

static void quiet(void *ctx, enum log_level level, const char *line)
{
    const struct world *world = ctx;
    if (getenv("LIMPET_SIM_LOG"))
        fprintf(stderr, "%10.3f %d %s\n", (double)world->clock.boot_ns / 1e9, (int)level, line);
}

struct world *world_new_dark(const struct cast *cast, uint64_t seed, size_t nodes)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err = {0};
    world->seed = seed;
    world->cast = cast;
    world->node_count = nodes;
    log_set_sink(quiet, world);
    log_set_level(getenv("LIMPET_SIM_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    clock_fake_init(&world->clock, 1000 * S, WORLD_WALL);
    rng_seeded_init(&world->rng, seed);
    assert_int_equal(loop_new(&world->clock.clock, &world->loop, &err), 0);
    world->broker = bus_fake_new(world->loop, seed);
    const struct bus_fake_faults faults = {.delay_min_ns = 1 * MS, .delay_max_ns = 30 * MS};
    bus_fake_set_faults(world->broker, &faults);
    world->may_end = map_new();
    gateway_init(&world->gateway, world->loop, &world->rng.rng, world->broker, cast->trust);
    for (size_t i = 0; i < nodes; i++) {
        const struct node_spec spec = {.loop = world->loop,
                                       .rng = &world->rng.rng,
                                       .broker = world->broker,
                                       .number = i,
                                       .seed = seed * 100 + i,
                                       .identity = cast->nodes[i],
                                       .ending = pod_ending,
                                       .ctx = world};
        node_init(&world->nodes[i], &spec);
    }
    return world;
}

void world_enrol(struct world *world, size_t i)
{
    cleanup(value_free) struct value *object = value_new_map();
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, 0);
    struct err err = {0};
    assert_int_equal(key_write_public(world->cast->nodes[i]->sealing_key, &pem, &err), 0);
    value_set_str(object, "apiVersion", "v1");
    value_set_str(object, "kind", "Node");
    struct value *meta = value_make_map(object, "metadata", NULL);
    value_set_str(meta, "name", world->nodes[i].name);
    struct value *notes = value_make_map(meta, "annotations", NULL);
    value_set_str(notes, NODE_ID_ANNOTATION, world->cast->nodes[i]->node);
    value_set_str(notes, NODE_SEALING_ANNOTATION, buf_str(&pem));
    assert_in_range(gateway_apply(&world->gateway, &kind_node, object, NULL), 200, 201);
}

struct world *world_new(const struct cast *cast, uint64_t seed, size_t nodes)
{
    struct world *world = world_new_dark(cast, seed, nodes);
    gateway_start(&world->gateway);
    turns(world);
    for (size_t i = 0; i < nodes; i++)
        world_enrol(world, i);
    for (size_t i = 0; i < nodes; i++)
        world_start_agent(world, i);
    world_settle(world, 15 * S); /* a node that came before the gateway is heard at its next beat */
    return world;
}

void world_free(struct world *world)
{
    for (size_t i = 0; i < world->node_count; i++) {
        node_kill(&world->nodes[i]);
        assert_int_equal(images_fake_held(world->nodes[i].images), 0);
        node_done(&world->nodes[i]);
    }
    gateway_done(&world->gateway);
    bus_fake_free(world->broker);
    loop_free(world->loop);
    map_free(world->may_end, NULL);
    log_set_sink(NULL, NULL);
    free(world);
}

/* What cast do. */

static void allow_end(struct world *world, const char *uid_or_name)
{
    if (uid_or_name)
        (void)map_put(world->may_end, uid_or_name, world);
}

static int apply_doc(void *ctx, const struct schema_kind *kind, struct value *object)
{
    struct world *world = ctx;
    cleanup(value_free) struct value *doc = object;
    const char *ns = object_namespace(doc);
    cleanup(value_free) struct value *before =
        gateway_get(&world->gateway, kind, ns ? ns : "", object_name(doc));
    if (before)
        allow_end(world, object_uid(before));
    autofree char *message = NULL;
    int code = gateway_apply(&world->gateway, kind, doc, &message);
    if (code >= 300)
        world_fail(world, "apply of %s: %d %s", object_name(doc), code, message);
    return 0;
}

void world_apply(struct world *world, const char *yaml)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    if (manifest_load(yaml, strlen(yaml), NULL, apply_doc, world, &diags) < 0) {
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        diags_print(&diags, "test", &text);
        world_fail(world, "%s", buf_str(&text));
    }
    turns(world);
}

void world_delete(struct world *world, const char *name)
{
    cleanup(value_free) struct value *before =
        gateway_get(&world->gateway, &kind_pod, "default", name);
    if (before)
        allow_end(world, object_uid(before));
    int code = gateway_delete(&world->gateway, &kind_pod, "default", name);
    if (code >= 300)
        world_fail(world, "delete of %s: %d", name, code);
    turns(world);
}

void world_pod(struct world *world, const char *name, size_t node, const char *command,
               const char *policy)
{
    autofree char *yaml = xasprintf("apiVersion: v1\n"
                                    "kind: Pod\n"
                                    "metadata: {name: %s, namespace: default}\n"
                                    "spec:\n"
                                    "  nodeName: %s\n"
                                    "  restartPolicy: %s\n"
                                    "  terminationGracePeriodSeconds: 5\n"
                                    "  containers:\n"
                                    "  - {name: main, image: app, command: %s}\n",
                                    name, world->nodes[node].name, policy, command);
    world_apply(world, yaml);
}

void world_static(struct world *world, size_t i, const char *file, const char *yaml)
{
    struct node *node = &world->nodes[i];
    struct disk *disk = disk_fake_disk(node->state);
    autofree char *path = xasprintf("%s/%s", NODE_MANIFESTS, file);
    struct err err = {0};
    disk_fake_plant(node->state, NODE_MANIFESTS "/.keep", "x", 1);
    if (yaml)
        disk_fake_plant(node->state, path, yaml, strlen(yaml));
    else
        assert_int_equal(disk->remove(disk, path, &err), 0);
    if (node->up)
        agent_reload(node->agent);
    turns(world);
}

/* What befalls it. */

void world_kill_agent(struct world *world, size_t node)
{
    node_kill(&world->nodes[node]);
    turns(world);
}

void world_start_agent(struct world *world, size_t node)
{
    struct err err = {0};
    if (node_start(&world->nodes[node], &err) < 0)
        world_fail(world, "agent of node %zu does not start: %s", node, err.msg);
    turns(world);
}

void world_restart_agent(struct world *world, size_t node)
{
    world_kill_agent(world, node);
    world_run(world, (int64_t)rng_below(&world->rng.rng, 2000) * MS);
    world_start_agent(world, node);
}

void world_reboot(struct world *world, size_t node, enum disk_fake_loss loss)
{
    node_power_off(&world->nodes[node], loss);
    world_run(world, (int64_t)rng_below(&world->rng.rng, 5000) * MS);
    world_start_agent(world, node);
}

void world_cut(struct world *world, size_t node, bool cut)
{
    if (cut)
        bus_fake_cut(world->broker, world->nodes[node].client_id);
    else
        bus_fake_heal(world->broker, world->nodes[node].client_id);
    turns(world);
}
