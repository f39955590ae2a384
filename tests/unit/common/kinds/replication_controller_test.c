#include "load.h"

#define HEAD "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: web}\nspec:\n"
#define POD "spec: {containers: [{name: a, image: b}]}"

static void test_replication_controller__takes_labels_of_the_template(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object =
        load_whole(HEAD "  template: {metadata: {labels: {app: web}}, " POD "}\n");
    assert_string_equal(object_label(object, "app"), "web");
    assert_string_equal(value_str(value_path(object, "spec", "selector", "app", NULL)), "web");
    assert_int_equal(value_int(value_path(object, "spec", "replicas", NULL), 0), 1);
    cleanup(value_free) struct value *other = load_whole(
        "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: web, labels: {own: l}}\n"
        "spec: {selector: {x: y}, template: {metadata: {labels: {x: y, z: z}}, " POD "}}\n");
    assert_null(object_label(other, "x"));
    assert_null(value_path(other, "spec", "selector", "z", NULL));
    assert_string_equal(object_label(other, "own"), "l");
}

static void test_replication_controller__is_checked(void **state)
{
    (void)state;
    expect_mistakes(HEAD "  template: {" POD "}\n", "line 5: spec.selector: required\n");
    expect_mistakes(HEAD "  selector: {a: b}\n  template: {metadata: {labels: {a: c}}, " POD "}\n",
                    "line 6: spec.template.metadata.labels: `selector` does not match template "
                    "`labels`\n");
    expect_mistakes(HEAD "  selector: {a: b}\n", "line 5: spec.template: required\n");
}

static void test_replication_controller__columns(void **state)
{
    (void)state;
    static const char object[] =
        "spec: {replicas: 3, selector: {b: c, a: b}}\nstatus: {replicas: 2}\n";
    expect_cell(&kind_replication_controller, "Desired", object, 0, "3");
    expect_cell(&kind_replication_controller, "Current", object, 0, "2");
    expect_cell(&kind_replication_controller, "Ready", object, 0, "0");
    expect_cell(&kind_replication_controller, "Selector", object, 0, "a=b,b=c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replication_controller__takes_labels_of_the_template),
        cmocka_unit_test(test_replication_controller__is_checked),
        cmocka_unit_test(test_replication_controller__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
