#include "load.h"

static void test_lean__holds_nothing_of_the_gateways(void **state)
{
    (void)state;
    for (size_t i = 0; kinds_at(NULL, i); i++) {
        assert_null(kinds_at(NULL, i)->columns);
        assert_null(kinds_at(NULL, i)->categories);
        assert_null(kinds_at(NULL, i)->proto);
        assert_null(kinds_at(NULL, i)->keep);
        assert_null(kinds_at(NULL, i)->sorted_by);
        assert_null(kinds_at(NULL, i)->type->doc);
        for (const struct schema_field *field = kinds_at(NULL, i)->type->fields; field->name;
             field++)
            assert_null(field->doc);
    }
}

/* A node writes statuses and looks into none. */
static void test_lean__looks_into_no_status(void **state)
{
    (void)state;
    static const struct schema_kind *const kinds[] = {&kind_pod, &kind_node};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        assert_int_equal(schema_field_find(kinds[i]->type, "status")->shape, SCHEMA_ANY);
}

/* No node is ever sent one. */
static void test_lean__leaves_kinds_of_the_gateway_out(void **state)
{
    (void)state;
    assert_null(kinds_find(NULL, "v1", "Event"));
    assert_non_null(kinds_find(NULL, "v1", "Pod"));
}

static void test_lean__checks_and_defaults_the_same(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects = load(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, image: c}]}\n");
    assert_string_equal(value_str(value_path(value_at(objects, 0), "spec", "restartPolicy", NULL)),
                        "Always");
    expect_mistakes("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}\n",
                    "line 4: spec.containers: required\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lean__holds_nothing_of_the_gateways),
        cmocka_unit_test(test_lean__looks_into_no_status),
        cmocka_unit_test(test_lean__leaves_kinds_of_the_gateway_out),
        cmocka_unit_test(test_lean__checks_and_defaults_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
