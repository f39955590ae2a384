/* Namespaces that go while objects come, over a disk that takes its time. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BALLAST 12 /* large writes that make a commit long */

struct fixture {
    struct world world;
    char dir[64];
    int open; /* writes under way */
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-namespaces-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    autofree char *path = xasprintf("%s/store.db", f->dir);
    rng_seeded_init(&f->world.rng, 1);
    assert_int_equal(loop_new(clock_system(), &f->world.loop, &err), 0);
    assert_int_equal(store_open(f->world.loop, path, &f->world.store, &err), 0);
    struct api_spec spec = {f->world.loop, f->world.store, clock_system(), &f->world.rng.rng};
    assert_int_equal(api_new(&spec, &f->world.api, &err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    api_stop(f->world.api);
    store_close(f->world.store);
    api_free(f->world.api);
    loop_free(f->world.loop);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), f->dir, &err), 0);
    free(f);
    return 0;
}

static void on_done(void *ctx, const struct api_answer *answer)
{
    struct fixture *f = ctx;
    (void)answer;
    (void)answer;
    f->open--;
}

static void create(struct fixture *f, const struct schema_kind *kind, const char *ns,
                   const char *name, const char *data)
{
    const struct api_ref ref = {kind, ns, name};
    cleanup(value_free) struct value *object = value_new_map();
    if (data)
        value_set_str(value_make_map(object, "data", NULL), "key", data);
    f->open++;
    api_create(f->world.api, &admin, &ref, object, 0, on_done, f);
}

static void turn(struct fixture *f, int64_t wait_ns)
{
    assert_int_equal(loop_step(f->world.loop, wait_ns), 0);
}

static void finish(struct fixture *f)
{
    while (f->open > 0)
        turn(f, NS_PER_S);
    for (int i = 0; i < 50; i++) /* what follows of it */
        turn(f, 4 * NS_PER_MS);
}

/* Writes that take the disk a while, handed to it with what was asked for before. */
static void burden(struct fixture *f, char prefix)
{
    autofree char *large = xmalloc(900001);
    memset(large, prefix, 900000);
    large[900000] = '\0';
    for (int i = 0; i < BALLAST; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%c-%d", prefix, i);
        create(f, &kind_config_map, "default", name, large);
    }
    turn(f, 0); /* to the store */
    turn(f, 0); /* and to its writer */
}

/* Objects that were let in before the namespace was marked, and are on disk after it: they go with
 * the namespace, and it waits for one that does not go yet. */
static void test_namespaces__nothing_is_left_behind(void **state)
{
    struct fixture *f = *state;
    create(f, &kind_namespace, "", "shop", NULL);
    finish(f);
    const struct api_ref ref = {&kind_namespace, "", "shop"};
    f->open++;
    api_delete(f->world.api, &admin, &ref, NULL, 0, on_done, f);
    burden(f, 'a');
    create(f, &kind_config_map, "shop", "late", NULL);
    const struct api_ref held = {&kind_config_map, "shop", "held"};
    cleanup(value_free) struct value *object = value_new_map();
    value_append(
        value_set(value_make_map(object, "metadata", NULL), "finalizers", value_new_list()),
        value_new_str("limpet.io/x"));
    f->open++;
    api_create(f->world.api, &admin, &held, object, 0, on_done, f);
    burden(f, 'b');
    finish(f);
    cleanup(value_free) struct value *late = get(&f->world, &kind_config_map, "shop", "late");
    cleanup(value_free) struct value *left = get(&f->world, &kind_config_map, "shop", "held");
    cleanup(value_free) struct value *ns = get(&f->world, &kind_namespace, "", "shop");
    assert_null(late);
    assert_non_null(left);
    assert_non_null(ns); /* as long as something is in it */
    value_del(value_get(left, "metadata"), "finalizers");
    f->open++;
    api_update(f->world.api, &admin, &held, left, 0, on_done, f);
    finish(f);
    assert_null(get(&f->world, &kind_config_map, "shop", "held"));
    assert_null(get(&f->world, &kind_namespace, "", "shop"));
}

/* ---- in memory ---- */

static int setup_memory(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown_memory(void **state)
{
    world_free(*state);
    return 0;
}

/* "True SomeResourcesRemain Some resources..."; "" = none. Static. */
static const char *condition(struct world *world, const char *ns, const char *type)
{
    static char text[512];
    cleanup(value_free) struct value *object = get(world, &kind_namespace, "", ns);
    const struct value *list = value_path(object, "status", "conditions", NULL);
    *text = '\0';
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *item = value_at(list, i);
        if (str_eq(value_get_str(item, "type"), type))
            snprintf(text, sizeof(text), "%s %s %s", value_get_str(item, "status"),
                     value_get_str(item, "reason"), value_get_str(item, "message"));
    }
    return text;
}

/* What holds a namespace up is told in its conditions; when that is gone it goes, and another of
 * its name may come. */
static void test_namespaces__tell_what_remains(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *refused = NULL;
    assert_int_equal(do_create(world, &kind_namespace, "", "{metadata: {name: shop}}", NULL), 201);
    assert_int_equal(do_create(world, &kind_config_map, "shop",
                               "{metadata: {name: held, finalizers: [limpet.io/x]}}", NULL),
                     201);
    assert_int_equal(do_create(world, &kind_config_map, "shop", "{metadata: {name: c}}", NULL),
                     201);
    assert_int_equal(do_delete(world, &kind_namespace, "", "shop", -1, NULL), 200);
    AWAIT(*condition(world, "shop", "NamespaceContentRemaining"),
          assert_int_equal(loop_step(world->loop, NS_PER_MS), 0));
    assert_string_equal(condition(world, "shop", "NamespaceContentRemaining"),
                        "True SomeResourcesRemain Some resources are remaining: configmaps. has 1 "
                        "resource instances");
    assert_string_equal(condition(world, "shop", "NamespaceFinalizersRemaining"),
                        "True SomeFinalizersRemain Some content in the namespace has finalizers "
                        "remaining: limpet.io/x in 1 resource instances");
    assert_string_equal(condition(world, "shop", "NamespaceDeletionContentFailure"),
                        "False ContentDeleted All content successfully deleted, may be waiting on "
                        "finalization");
    assert_int_equal(do_create(world, &kind_secret, "shop", "{metadata: {name: s}}", &refused),
                     403);
    const struct value *causes = value_path(refused, "details", "causes", NULL);
    assert_string_equal(value_get_str(value_at(causes, 0), "reason"), "NamespaceTerminating");
    cleanup(value_free) struct value *held = get(world, &kind_config_map, "shop", "held");
    value_del(value_get(held, "metadata"), "finalizers");
    assert_int_equal(do_update(world, &kind_config_map, "shop", held, 0, NULL), 200);
    world_settle(world);
    assert_null(get(world, &kind_namespace, "", "shop"));
    assert_int_equal(do_create(world, &kind_namespace, "", "{metadata: {name: shop}}", NULL), 201);
    world_settle(world);
    cleanup(value_free) struct value *again = get(world, &kind_namespace, "", "shop");
    assert_string_equal(value_str(value_path(again, "status", "phase", NULL)), "Active");
}

/* A namespace's own finalizers hold it when it is empty. */
static void test_namespaces__finalizers(void **state)
{
    struct world *world = *state;
    assert_int_equal(do_create(world, &kind_namespace, "",
                               "{metadata: {name: shop, finalizers: [limpet.io/x]}}", NULL),
                     201);
    assert_int_equal(do_delete(world, &kind_namespace, "", "shop", -1, NULL), 200);
    world_settle(world);
    cleanup(value_free) struct value *ns = get(world, &kind_namespace, "", "shop");
    assert_int_equal(value_len(value_path(ns, "spec", "finalizers", NULL)), 0);
    value_del(value_get(ns, "metadata"), "finalizers");
    assert_int_equal(do_update(world, &kind_namespace, "", ns, 0, NULL), 200);
    world_settle(world);
    assert_null(get(world, &kind_namespace, "", "shop"));
}

/* Thousands of objects go in slices: no turn of the loop takes more than its share, others are
 * served meanwhile. */
static void test_namespaces__many(void **state)
{
    struct world *world = *state;
    const struct api_ref ref = {&kind_namespace, "", "shop"};
    assert_int_equal(do_create(world, &kind_namespace, "", "{metadata: {name: shop}}", NULL), 201);
    for (int i = 0; i < 3000; i++) {
        char text[64];
        snprintf(text, sizeof(text), "{metadata: {name: c%d}}", i);
        assert_int_equal(do_create(world, &kind_config_map, "shop", text, NULL), 201);
    }
    size_t before = store_count(world->store, "/configmaps/shop/");
    assert_int_equal(before, 3000);
    api_delete(world->api, &admin, &ref, NULL, 0, NULL, NULL);
    for (int turns = 0; before > 0 && turns < 10000; turns++) {
        assert_int_equal(loop_step(world->loop, 0), 0);
        size_t now = store_count(world->store, "/configmaps/shop/");
        assert_in_range(before - now, 0, 128);
        before = now;
    }
    world_settle(world);
    assert_null(get(world, &kind_namespace, "", "shop"));
}

int main(void)
{
#define MEMORY(test) cmocka_unit_test_setup_teardown(test, setup_memory, teardown_memory)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_namespaces__nothing_is_left_behind, setup, teardown),
        MEMORY(test_namespaces__tell_what_remains),
        MEMORY(test_namespaces__finalizers),
        MEMORY(test_namespaces__many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
