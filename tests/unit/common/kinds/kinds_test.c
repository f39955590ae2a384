#include "load.h"

static void test_kinds__find(void **state)
{
    (void)state;
    assert_ptr_equal(kinds_find(NULL, "v1", "Pod"), &kind_pod);
    assert_null(kinds_find(NULL, "v1", "pod"));
    assert_null(kinds_find(NULL, "apps/v1", "Pod"));
    assert_null(kinds_find(NULL, NULL, NULL));
    assert_ptr_equal(kinds_find_resource(NULL, "", "v1", "configmaps"), &kind_config_map);
    assert_null(kinds_find_resource(NULL, "apps", "v1", "configmaps"));
    assert_null(kinds_find_resource(NULL, "", "v2", "configmaps"));
    size_t count = 0;
    while (kinds_at(NULL, count))
        count++;
    assert_true(count >= 5);
}

static void test_kinds__find_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const struct schema_kind *kind;
    } cases[] = {
        {"pod", &kind_pod},
        {"pods", &kind_pod},
        {"po", &kind_pod},
        {"Pod", &kind_pod},
        {"PODS", &kind_pod},
        {"no", &kind_node},
        {"ns", &kind_namespace},
        {"cm", &kind_config_map},
        {"secrets", &kind_secret},
        {"secret.", &kind_secret},
        {"pods.apps", NULL},
        {"pod/web", NULL},
        {"", NULL},
        {"widget", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (kinds_find_name(NULL, cases[i].name) != cases[i].kind)
            fail_msg("%s", cases[i].name);
}

static void test_kinds__unknown_is_explained(void **state)
{
    (void)state;
    expect_mistakes("apiVersion: v1\nkind: Podd\n",
                    "line 2: kind: \"Podd\": unknown kind; did you mean Pod?\n");
    expect_mistakes("apiVersion: apps/v1\nkind: Pod\n",
                    "line 1: apiVersion: \"apps/v1\": a Pod is of v1\n");
    expect_mistakes("kind: Pod\n", "line 1: apiVersion: required\n");
    expect_mistakes("a: b\n", "line 1: apiVersion: required\nline 1: kind: required\n");
    expect_mistakes("apiVersion: 1\nkind: Pod\n", "line 1: apiVersion: required\n");
    expect_mistakes("apiVersion: v1\nkind: Zebra\n",
                    "line 2: kind: \"Zebra\": unknown kind in v1; it has Pod, Node, Namespace, "
                    "ConfigMap, Secret, ...\n");
}

/* Some of what is known is named, not all of it. */
static void test_kinds__unknown_group_is_explained(void **state)
{
    (void)state;
    static const char text[] = "apiVersion: example.com/v1\nkind: Zebra\n";
    cleanup(value_free) struct value *objects = value_new_list();
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(manifest_load(text, strlen(text), NULL, keep_object, objects, &diags),
                     -EINVAL);
    const char *reason = diags.items[0].reason;
    assert_true(str_has_prefix(reason, "\"Zebra\": unknown kind in example.com/v1; known are v1"));
    assert_true(strlen(reason) < 160);
}

struct told {
    int added, removed;
};

static void on_change(void *ctx, const struct schema_kind *kind, bool added)
{
    struct told *told = ctx;
    assert_string_equal(kind->kind, "Zebra");
    told->added += added;
    told->removed += !added;
}

static void test_kinds__others_stand_beside_those_built_in(void **state)
{
    (void)state;
    static const struct schema_kind zebra = {.group = "example.com",
                                             .version = "v1",
                                             .kind = "Zebra",
                                             .plural = "zebras",
                                             .singular = "zebra"};
    const struct schema_kind again = {.group = "", .version = "v1", .kind = "Pod", .plural = "p"};
    struct kinds *kinds = kinds_new();
    struct told told = {0};
    kinds_observe(kinds, on_change, &told);
    assert_int_equal(kinds_add(kinds, &zebra), 0);
    assert_int_equal(kinds_add(kinds, &zebra), -EEXIST);
    assert_int_equal(told.added, 1);
    assert_int_equal(kinds_add(kinds, &again), -EEXIST);
    assert_ptr_equal(kinds_find(kinds, "example.com/v1", "Zebra"), &zebra);
    assert_ptr_equal(kinds_find_resource(kinds, "example.com", "v1", "zebras"), &zebra);
    assert_ptr_equal(kinds_find_name(kinds, "ZEBRA"), &zebra);
    assert_ptr_equal(kinds_find_name(kinds, "po"), &kind_pod);
    assert_null(kinds_find_name(NULL, "zebra"));
    kinds_remove(kinds, &zebra);
    assert_null(kinds_find_name(kinds, "zebra"));
    assert_int_equal(told.removed, 1);
    kinds_unobserve(kinds, &told);
    assert_int_equal(kinds_add(kinds, &zebra), 0);
    assert_int_equal(told.added, 1);
    kinds_free(kinds);
}

static void test_kinds__object_shorthands(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b, uid: c, "
             "labels: {l: m}, annotations: {n: o}}\n");
    const struct value *object = value_at(objects, 0);
    assert_string_equal(object_name(object), "a");
    assert_string_equal(object_namespace(object), "b");
    assert_string_equal(object_uid(object), "c");
    assert_string_equal(object_label(object, "l"), "m");
    assert_string_equal(object_annotation(object, "n"), "o");
    assert_null(object_label(object, "n"));
    assert_null(object_name(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds__find),
        cmocka_unit_test(test_kinds__find_name),
        cmocka_unit_test(test_kinds__unknown_is_explained),
        cmocka_unit_test(test_kinds__unknown_group_is_explained),
        cmocka_unit_test(test_kinds__others_stand_beside_those_built_in),
        cmocka_unit_test(test_kinds__object_shorthands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
