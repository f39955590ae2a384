/* Namespaces that go while objects come, over a disk that takes its time. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "world.h"

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

/* An object that was let in before the namespace was marked, and is on disk after it: it goes with
 * the namespace, and does not stay without one. */
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
    burden(f, 'b');
    finish(f);
    cleanup(value_free) struct value *ns = get(&f->world, &kind_namespace, "", "shop");
    cleanup(value_free) struct value *late = get(&f->world, &kind_config_map, "shop", "late");
    assert_null(ns);
    assert_null(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_namespaces__nothing_is_left_behind, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
