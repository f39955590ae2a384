#include "controller/api/dryrun.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/limits.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
    struct world *world;
    struct dryrun *dryrun;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->world = world_new();
    f->dryrun = dryrun_new(f->world->api);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dryrun_free(f->dryrun);
    world_free(f->world);
    free(f);
    return 0;
}

static const struct api_answer *try_as(struct fixture *f, const struct api_user *user,
                                       const struct schema_kind *kind, const char *ns,
                                       const char *yaml)
{
    cleanup(value_free) struct value *object = parse(yaml);
    const char *name = object_name(object);
    const struct api_ref ref = {kind, ns, name ? name : ""};
    return dryrun_apply(f->dryrun, user, &ref, object, 0);
}

static const struct api_answer *try(struct fixture *f, const struct schema_kind *kind,
                                    const char *ns, const char *yaml)
{
    return try_as(f, &admin, kind, ns, yaml);
}

#define POD "{metadata: {name: web}, spec: {containers: [{name: a, image: i}]}}"
#define OTHER "{metadata: {name: web}, spec: {containers: [{name: a, image: i, command: [x]}]}}"

static void test_dryrun__answers_as_the_write_would(void **state)
{
    struct fixture *f = *state;
    int64_t before = api_revision(f->world->api);
    const struct api_answer *answer = try(f, &kind_pod, "default", POD);
    assert_int_equal(answer->code, 201);
    assert_false(answer->unchanged);
    assert_string_equal(value_str(value_path(answer->object, "spec", "restartPolicy", NULL)),
                        "Always"); /* with its defaults in */
    assert_int_equal(try(f, &kind_pod, "nowhere", POD)->code, 404);
    assert_int_equal(try(f, &kind_pod, "default", "{metadata: {name: w}, spec: {}}")->code, 422);
    assert_int_equal(try(f, &kind_pod, "de/fault", POD)->code, 400);
    assert_int_equal(try(f, &kind_config_map, "default", "{metadata: {generateName: a-}}")->code,
                     201);
    assert_int_equal(try(f, &kind_config_map, "default", "{data: {}}")->code, 422);
    assert_int_equal(try_as(f, &guest, &kind_pod, "default", POD)->code, 403);
    world_settle(f->world);
    assert_int_equal(api_revision(f->world->api), before);
    assert_null(get(f->world, &kind_pod, "default", "web"));
}

static void test_dryrun__sees_what_is_stored(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(do_apply(f->world, &kind_pod, "default", POD, NULL), 201);
    const struct api_answer *answer = try(f, &kind_pod, "default", POD);
    assert_int_equal(answer->code, 200);
    assert_true(answer->unchanged);
    assert_int_equal(try(f, &kind_pod, "default", OTHER)->code, 422);
}

static void test_dryrun__sees_what_earlier_ones_would_have_made(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(try(f, &kind_pod, "shop", POD)->code, 404);
    assert_int_equal(try(f, &kind_namespace, "", "{metadata: {name: shop}}")->code, 201);
    assert_int_equal(try(f, &kind_pod, "shop", POD)->code, 201);
    const struct api_answer *answer = try(f, &kind_pod, "shop", POD);
    assert_int_equal(answer->code, 200);
    assert_true(answer->unchanged);
    assert_int_equal(try(f, &kind_pod, "shop", OTHER)->code, 422);
    /* What was refused would have made nothing. */
    assert_true(try(f, &kind_pod, "shop", POD)->unchanged);
    /* Another row knows nothing of it. */
    dryrun_free(f->dryrun);
    f->dryrun = dryrun_new(f->world->api);
    assert_int_equal(try(f, &kind_pod, "shop", POD)->code, 404);
}

static void test_dryrun__refuses_what_is_too_large(void **state)
{
    struct fixture *f = *state;
    size_t len = DATA_MAX_BYTES * 2 / 3; /* with the annotation of apply it is there twice */
    autofree char *data = xcalloc(1, len + 1);
    memset(data, 'x', len);
    autofree char *yaml = xasprintf("{metadata: {name: a}, data: {k: %s}}", data);
    int real = do_apply(f->world, &kind_config_map, "default", yaml, NULL);
    assert_true(real >= 400);
    assert_int_equal(try(f, &kind_config_map, "default", yaml)->code, real);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_dryrun__answers_as_the_write_would),
        TEST(test_dryrun__sees_what_is_stored),
        TEST(test_dryrun__sees_what_earlier_ones_would_have_made),
        TEST(test_dryrun__refuses_what_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
