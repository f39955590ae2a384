#include "load.h"

static void test_namespace__is_labelled_with_its_name(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {x: y, "
             "kubernetes.io/metadata.name: other}}\n");
    const struct value *object = value_at(objects, 0);
    assert_string_equal(object_label(object, "kubernetes.io/metadata.name"), "a");
    assert_string_equal(object_label(object, "x"), "y");
    assert_null(object_namespace(object));
}

static void test_namespace__name_is_a_label(void **state)
{
    (void)state;
    expect_mistakes("apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}\n",
                    "line 3: metadata.name: \"a.b\": must be a-z, 0-9 and '-', beginning and "
                    "ending with a letter or digit\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_namespace__is_labelled_with_its_name),
        cmocka_unit_test(test_namespace__name_is_a_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
