#include "controller/reconcile/reconciler.h"

#include "world.h"

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STIR_NS (500 * NS_PER_MS)

static const struct api_user user = {.name = "system:limpet:test"};

/* A controller that gives each ConfigMap the datum seen=yes. */
struct seer {
    struct reconciler *frame;
    struct world *world;
    char *looked; /* keys, "a b c" */
    unsigned count, begun, freed, in_turn, most_in_turn, most_writes;
    int changes;  /* how often an edit was asked for */
    bool refuses; /* its edits are invalid */
    bool fails;
    bool loose;
};

struct edit {
    struct reconciler_write write;
    struct seer *seer;
};

static void edit_free(struct reconciler_write *write)
{
    container_of(write, struct edit, write)->seer->freed++;
}

static const struct reconciler_ops edits = {.size = sizeof(struct edit), .free = edit_free};
static const struct reconciler_ops loose_edits = {
    .size = sizeof(struct edit), .loose = true, .free = edit_free};

static int see(void *ctx, struct value *object)
{
    const struct edit *edit = ctx;
    edit->seer->changes++;
    value_set_str(value_make_map(object, "data", NULL), edit->seer->refuses ? "bad key" : "seen",
                  "yes");
    return 0;
}

static void look(void *ctx, const char *key)
{
    struct seer *seer = ctx;
    cleanup(value_free) struct value *object = reconciler_get(seer->frame, &kind_config_map, key);
    char *was = steal(seer->looked);
    seer->looked = xasprintf("%s%s%s", was ? was : "", was ? " " : "", key);
    free(was);
    seer->count++;
    seer->in_turn++;
    if (seer->fails)
        reconciler_fail(seer->frame, key);
    if (!object || value_path(object, "data", "seen", NULL))
        return;
    struct edit *edit = reconciler_begin(seer->frame, key, seer->loose ? &loose_edits : &edits);
    edit->seer = seer;
    if (++seer->begun - seer->freed > seer->most_writes)
        seer->most_writes = seer->begun - seer->freed;
    const struct api_ref ref = {&kind_config_map, object_namespace(object), object_name(object)};
    api_patch_with(seer->world->api, &user, &ref, 0, see, reconciler_written, edit);
}

static void on_map(void *ctx, enum api_event_type type, const struct value *object)
{
    struct seer *seer = ctx;
    (void)type;
    reconciler_put_object(seer->frame, object);
}

static void start(struct seer *seer, struct world *world, unsigned turn_max, unsigned write_max)
{
    static const char *const mentions[] = {"\"data\"", NULL};
    static const struct reconciler_watch watches[] = {
        {.kind = &kind_config_map, .fn = on_map, .mentions = mentions}};
    const struct reconciler_spec spec = {.name = "maps",
                                         .loop = world->loop,
                                         .api = world->api,
                                         .user = &user,
                                         .watches = watches,
                                         .watch_count = 1,
                                         .look = look,
                                         .ctx = seer,
                                         .turn_max = turn_max,
                                         .write_max = write_max,
                                         .wait_ns = NS_PER_S,
                                         .wait_max_ns = 3 * NS_PER_S,
                                         .stir_ns = STIR_NS};
    *seer = (struct seer){.world = world};
    assert_int_equal(reconciler_new(&spec, &seer->frame, &world->err), 0);
}

static void stop(struct seer *seer)
{
    reconciler_free(seer->frame);
    free(seer->looked);
}

static void create(struct world *world, const char *name)
{
    autofree char *json = xasprintf("{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'%s',"
                                    "'namespace':'default'},'data':{'a':'b'}}",
                                    name);
    world_create(world, json, 201);
}

static const char *looked(struct seer *seer)
{
    static char text[500];
    snprintf(text, sizeof(text), "%s", seer->looked ? seer->looked : "");
    free(steal(seer->looked));
    return text;
}

static void test_reconciler__watch_look_write(void **state)
{
    struct world world;
    struct seer seer;
    (void)state;
    world_init(&world);
    create(&world, "a");
    start(&seer, &world, 0, 0);
    assert_false(reconciler_is_ready(seer.frame));
    world_turn(&world);
    assert_true(reconciler_is_ready(seer.frame));
    /* Once to write, and once for what its write changed. */
    assert_string_equal(looked(&seer), "default/a default/a");
    assert_int_equal(seer.changes, 1);
    create(&world, "b");
    world_delete(&world, "ConfigMap", "default", "a");
    world_turn(&world);
    assert_string_equal(looked(&seer), "default/b default/b default/a");
    assert_int_equal(seer.freed, 2);
    world_pass(&world, 60 * NS_PER_S);
    assert_string_equal(looked(&seer), "");
    stop(&seer);
    world_done(&world);
}

/* It looks at nothing before all that was there has been told, also by a watch that came later. */
static void test_reconciler__waits_for_all_watches(void **state)
{
    struct world world;
    struct seer seer;
    const struct reconciler_watch more = {.kind = &kind_secret, .fn = on_map};
    (void)state;
    world_init(&world);
    for (int i = 0; i < 300; i++) {
        char name[20];
        snprintf(name, sizeof(name), "m%d", i);
        create(&world, name);
    }
    start(&seer, &world, 1000, 0);
    assert_int_equal(reconciler_watch(seer.frame, &more), 0);
    reconciler_put(seer.frame, "default/m0");
    while (!reconciler_is_ready(seer.frame)) {
        assert_int_equal(seer.count, 0);
        assert_int_equal(loop_step(world.loop, 0), 0);
    }
    world_turn(&world);
    assert_int_equal(seer.changes, 300);

    /* A kind that goes is not heard of any more. */
    reconciler_unwatch(seer.frame, &kind_config_map);
    (void)looked(&seer);
    create(&world, "late");
    world_turn(&world);
    assert_string_equal(looked(&seer), "");
    stop(&seer);
    world_done(&world);
}

/* No turn of the loop looks at more than it may, and no more writes are under way. */
static void test_reconciler__bounded(void **state)
{
    static const struct {
        unsigned turn_max, write_max, most_in_turn, most_writes;
    } cases[] = {{5, 0, 5, 150}, {100, 7, 100, 7}, {0, 0, RECONCILER_TURN, 150}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        struct seer seer;
        world_init(&world);
        for (int j = 0; j < 150; j++) {
            char name[20];
            snprintf(name, sizeof(name), "m%d", j);
            create(&world, name);
        }
        start(&seer, &world, cases[i].turn_max, cases[i].write_max);
        do {
            seer.in_turn = 0;
            assert_int_equal(loop_step(world.loop, 0), 0);
            if (seer.in_turn > seer.most_in_turn)
                seer.most_in_turn = seer.in_turn;
        } while (loop_next(world.loop) <= world.boot_ns || seer.changes < 150);
        assert_true(seer.most_in_turn <= cases[i].most_in_turn);
        assert_true(seer.most_writes > 1 && seer.most_writes <= cases[i].most_writes);
        world_turn(&world);
        assert_int_equal(seer.changes, 150);
        stop(&seer);
        world_done(&world);
    }
}

/* What changes while it is written is looked at after that, once. */
static void test_reconciler__one_write_at_a_time(void **state)
{
    struct world world;
    struct seer seer;
    (void)state;
    for (int loose = 0; loose < 2; loose++) {
        world_init(&world);
        create(&world, "a");
        start(&seer, &world, 0, 0);
        seer.loose = loose;
        while (seer.count == 0)
            assert_int_equal(loop_step(world.loop, 0), 0);
        for (int i = 0; i < 5; i++)
            reconciler_put(seer.frame, "default/a");
        assert_true(reconciler_waits(seer.frame, "default/a"));
        world_turn(&world);
        assert_int_equal(seer.changes, loose ? 2 : 1);
        stop(&seer);
        world_done(&world);
    }
}

static void test_reconciler__tries_again_later(void **state)
{
    struct world world;
    struct seer seer;
    (void)state;
    world_init(&world);
    create(&world, "a");
    start(&seer, &world, 0, 0);
    seer.refuses = true;
    world_turn(&world);
    assert_int_equal(seer.changes, 1);
    static const struct {
        int64_t pass_ms;
        int changes;
    } steps[] = {{900, 1}, {200, 2}, {1800, 2}, {200, 3}, {2800, 3}, {200, 4}, {2800, 4}, {200, 5}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        world_pass(&world, steps[i].pass_ms * NS_PER_MS);
        assert_int_equal(seer.changes, steps[i].changes);
    }
    seer.refuses = false;
    world_pass(&world, 4 * NS_PER_S);
    assert_int_equal(seer.changes, 6);
    (void)looked(&seer);
    world_pass(&world, 60 * NS_PER_S);
    assert_string_equal(looked(&seer), "");

    /* So does what fails without a write. */
    seer.fails = true;
    reconciler_put(seer.frame, "default/none");
    world_pass(&world, 2 * NS_PER_S);
    assert_string_equal(looked(&seer), "default/none default/none");
    reconciler_drop(seer.frame, "default/none");
    world_pass(&world, 60 * NS_PER_S);
    assert_string_equal(looked(&seer), "");
    stop(&seer);
    world_done(&world);
}

static void test_reconciler__after_a_while(void **state)
{
    struct world world;
    struct seer seer;
    (void)state;
    world_init(&world);
    start(&seer, &world, 0, 0);
    world_turn(&world);
    reconciler_put_after(seer.frame, "x", 10 * NS_PER_S);
    reconciler_put_after(seer.frame, "y", 5 * NS_PER_S);
    reconciler_put_after(seer.frame, "z", 7 * NS_PER_S);
    reconciler_drop(seer.frame, "z");
    world_pass(&world, 6 * NS_PER_S);
    assert_string_equal(looked(&seer), "y");
    reconciler_put_after(seer.frame, "x", 100 * NS_PER_S);
    world_pass(&world, 5 * NS_PER_S);
    assert_string_equal(looked(&seer), "x");
    reconciler_put_first(seer.frame, "low", -1);
    reconciler_put_first(seer.frame, "high", 1);
    reconciler_put(seer.frame, "mid");
    world_turn(&world);
    assert_string_equal(looked(&seer), "high mid low");
    stop(&seer);
    world_done(&world);
}

/* Many changes in a moment are one look at what awaits them. */
static void test_reconciler__stirred(void **state)
{
    struct world world;
    struct seer seer;
    (void)state;
    world_init(&world);
    start(&seer, &world, 0, 0);
    world_turn(&world);
    reconciler_stir(seer.frame); /* nobody awaits it */
    reconciler_await(seer.frame, "x", 0);
    reconciler_await(seer.frame, "y", 1);
    world_pass(&world, 3600 * NS_PER_S);
    assert_string_equal(looked(&seer), "");
    for (int i = 0; i < 5; i++)
        reconciler_stir(seer.frame);
    world_turn(&world);
    assert_string_equal(looked(&seer), "y x");
    reconciler_await(seer.frame, "x", 0);
    for (int i = 0; i < 5; i++)
        reconciler_stir(seer.frame);
    world_pass(&world, STIR_NS - NS_PER_MS);
    assert_string_equal(looked(&seer), "");
    world_pass(&world, 2 * NS_PER_MS);
    assert_string_equal(looked(&seer), "x");
    reconciler_await(seer.frame, "x", 0);
    reconciler_drop(seer.frame, "x");
    reconciler_stir(seer.frame);
    world_pass(&world, 3600 * NS_PER_S);
    assert_string_equal(looked(&seer), "");
    stop(&seer);
    world_done(&world);
}

/* It ends with writes under way, keys put and watches that catch up. */
static void test_reconciler__ends_anywhere(void **state)
{
    (void)state;
    for (int steps = 0; steps < 12; steps++) {
        struct world world;
        struct seer seer;
        world_init(&world);
        create(&world, "a");
        create(&world, "b");
        start(&seer, &world, 1, 0);
        for (int i = 0; i < steps; i++)
            assert_int_equal(loop_step(world.loop, 0), 0);
        stop(&seer);
        world_done(&world);
    }
}

static void test_reconciler__keys(void **state)
{
    static const struct {
        const char *ns, *name, *key;
    } cases[] = {{"default", "a", "default/a"}, {"", "node", "node"}, {NULL, "node", "node"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *key = reconciler_key(cases[i].ns, cases[i].name);
        autofree char *ns = NULL;
        assert_string_equal(key, cases[i].key);
        assert_string_equal(reconciler_split(key, &ns), cases[i].name);
        assert_string_equal(ns, cases[i].ns ? cases[i].ns : "");
    }
}

/* Keys may be texts of users. */
static void test_reconciler__get(void **state)
{
    static const struct {
        const struct schema_kind *kind;
        const char *key;
        bool found;
    } cases[] = {
        {&kind_config_map, "default/a", true},
        {&kind_config_map, "a", false},
        {&kind_config_map, "/a", false},
        {&kind_config_map, "default/", false},
        {&kind_node, "n1", true},
        {&kind_node, "x/n1", false},
        {&kind_node, "/n1", false},
        {&kind_node, "", false},
    };
    struct world world;
    struct seer seer;
    (void)state;
    world_init(&world);
    create(&world, "a");
    world_node(&world, "n1", "1");
    start(&seer, &world, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object =
            reconciler_get(seer.frame, cases[i].kind, cases[i].key);
        assert_int_equal(object != NULL, cases[i].found);
    }
    stop(&seer);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reconciler__watch_look_write),
        cmocka_unit_test(test_reconciler__waits_for_all_watches),
        cmocka_unit_test(test_reconciler__bounded),
        cmocka_unit_test(test_reconciler__one_write_at_a_time),
        cmocka_unit_test(test_reconciler__tries_again_later),
        cmocka_unit_test(test_reconciler__after_a_while),
        cmocka_unit_test(test_reconciler__stirred),
        cmocka_unit_test(test_reconciler__ends_anywhere),
        cmocka_unit_test(test_reconciler__keys),
        cmocka_unit_test(test_reconciler__get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
