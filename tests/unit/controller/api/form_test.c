#include "controller/api/form.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/schema/table.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Zebras had stripes in v1, in whose form they are stored; in v2 they have bars. */

static void move(struct value *object, const char *from, const char *to)
{
    struct value *value = value_take(object, from);
    if (value)
        value_set(object, to, value);
}

static void to_v1(struct value *object)
{
    move(object, "bars", "stripes");
}

static void from_v1(struct value *object)
{
    move(object, "stripes", "bars");
}

static const struct schema_type type_meta = {
    .name = "Meta",
    FIELDS(F(1, "name", STRING), F(2, "namespace", STRING), F(3, "uid", STRING),
           F(4, "resourceVersion", STRING), F(5, "creationTimestamp", TIME),
           F(6, "generation", INT64)),
};
static const struct schema_type type_v1 = {
    .name = "Zebra",
    FIELDS(F(1, "metadata", OBJECT(type_meta)), F(2, "stripes", INT32, RANGE(0, 9))),
};
static const struct schema_type type_v2 = {
    .name = "Zebra",
    FIELDS(F(1, "metadata", OBJECT(type_meta)), F(2, "bars", INT32, RANGE(0, 9))),
};

#define ZEBRA                                                                                      \
    .kind = "Zebra", .plural = "zebras", .singular = "zebra", .namespaced = true,                  \
    .name = format_dns1123_subdomain
static const struct schema_kind v1 = {
    .group = "example.com", .version = "v1", ZEBRA, .type = &type_v1};
static const struct schema_kind v2 = {.group = "zoo.example.com",
                                      .version = "v2",
                                      ZEBRA,
                                      .type = &type_v2,
                                      .stored = &v1,
                                      .to_stored = to_v1,
                                      .from_stored = from_v1};

static int setup(void **state)
{
    struct world *world = *state = world_new();
    assert_int_equal(kinds_add(api_kinds(world->api), &v1), 0);
    assert_int_equal(kinds_add(api_kinds(world->api), &v2), 0);
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void expect(const struct value *object, const char *api_version, const char *field,
                   int64_t count)
{
    assert_string_equal(value_get_str(object, "apiVersion"), api_version);
    assert_int_equal(value_get_int(object, field, -1), count);
    assert_null(value_get(object, str_eq(field, "bars") ? "stripes" : "bars"));
}

static void test_form__one_object_in_two_forms(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *made = NULL, *next = NULL, *stale = NULL;
    assert_int_equal(do_create(world, &v2, "default", "{metadata: {name: z}, bars: 3}", &made),
                     201);
    expect(made, "zoo.example.com/v2", "bars", 3);
    assert_int_equal(do_create(world, &v1, "default", "{metadata: {name: z}}", NULL), 409);
    cleanup(value_free) struct value *old = get(world, &v1, "default", "z");
    expect(old, "example.com/v1", "stripes", 3);
    cleanup(value_free) struct value *new = get(world, &v2, "default", "z");
    assert_true(value_equal(new, made));

    value_set_int(old, "stripes", 4);
    assert_int_equal(do_update(world, &v1, "default", old, 0, &next), 200);
    expect(next, "example.com/v1", "stripes", 4);
    value_set_int(new, "bars", 5);
    assert_int_equal(do_update(world, &v2, "default", new, 0, &stale), 409);
    cleanup(value_free) struct value *now = get(world, &v2, "default", "z");
    expect(now, "zoo.example.com/v2", "bars", 4);

    assert_int_equal(do_update(world, &v2, "default", now, 0, NULL), 200);
    value_set_int(now, "bars", 10);
    assert_int_equal(do_update(world, &v2, "default", now, 0, NULL), 422);
    assert_int_equal(do_delete(world, &v1, "default", "z", -1, NULL), 200);
    assert_null(get(world, &v2, "default", "z"));
}

static void test_form__an_equal_update_writes_nothing(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *made = NULL;
    assert_int_equal(do_create(world, &v2, "default", "{metadata: {name: z}, bars: 3}", &made),
                     201);
    int64_t before = api_revision(world->api);
    assert_int_equal(do_update(world, &v2, "default", made, 0, NULL), 200);
    assert_int_equal(api_revision(world->api), before);
}

static void test_form__lists(void **state)
{
    struct world *world = *state;
    static const struct {
        const struct schema_kind *kind;
        const char *api_version, *field;
    } forms[] = {{&v1, "example.com/v1", "stripes"}, {&v2, "zoo.example.com/v2", "bars"}};
    const struct api_list_query query = {0};
    assert_int_equal(do_create(world, &v1, "default", "{metadata: {name: a}, stripes: 1}", NULL),
                     201);
    assert_int_equal(do_create(world, &v2, "default", "{metadata: {name: b}, bars: 2}", NULL), 201);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const struct api_ref ref = {forms[i].kind, "default", NULL};
        cleanup(value_free) struct value *list = NULL;
        cleanup(value_free) struct value *again = NULL;
        assert_int_equal(api_list(world->api, &admin, &ref, &query, &list), 0);
        assert_string_equal(value_get_str(list, "apiVersion"), forms[i].api_version);
        for (int64_t n = 0; n < 2; n++)
            expect(value_at(value_get(list, "items"), (size_t)n), forms[i].api_version,
                   forms[i].field, n + 1);
        assert_int_equal(list_as_text(world, &ref, &query, &again), 0);
        assert_true(value_equal(value_get(again, "items"), value_get(list, "items")));
    }
}

static void note(void *ctx, enum api_event_type event, const struct value *object)
{
    struct buf *log = ctx;
    int64_t count = value_get_int(object, "bars", -1);
    if (count < 0)
        count = value_get_int(object, "stripes", -1);
    buf_addf(log, "%c %s %lld;", "AMD"[event], value_get_str(object, "apiVersion"),
             (long long)count);
}

/* Two who watch the same object in two forms do not see each other's. */
static void test_form__watches(void **state)
{
    struct world *world = *state;
    const struct api_ref one = {&v1, "default", NULL}, two = {&v2, "default", NULL};
    cleanup(buf_done) struct buf old = {0};
    cleanup(buf_done) struct buf new = {0};
    struct api_watch *a = NULL, *b = NULL;
    assert_int_equal(api_watch(world->api, &admin, &one, NULL, 0, note, &old, &a), 0);
    assert_int_equal(api_watch(world->api, &admin, &two, NULL, 0, note, &new, &b), 0);
    assert_int_equal(do_create(world, &v2, "default", "{metadata: {name: z}, bars: 3}", NULL), 201);
    assert_int_equal(do_delete(world, &v2, "default", "z", -1, NULL), 200);
    world_settle(world);
    assert_string_equal(buf_str(&old), "A example.com/v1 3;D example.com/v1 3;");
    assert_string_equal(buf_str(&new), "A zoo.example.com/v2 3;D zoo.example.com/v2 3;");
    api_watch_free(a);
    api_watch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_form__one_object_in_two_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form__an_equal_update_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form__lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form__watches, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
