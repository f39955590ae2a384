#include "common/kinds/types.h"
#include "load.h"

#define HEAD "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: web}\n"

/* A template is checked and defaulted as a pod is. */
static void test_pod_template__is_as_a_pod(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load(HEAD "template: {spec: {containers: [{name: a, image: b}]}}\n");
    const struct value *spec = value_path(value_at(objects, 0), "template", "spec", NULL);
    assert_string_equal(value_get_str(spec, "restartPolicy"), "Always");
    assert_string_equal(
        value_get_str(value_at(value_get(spec, "containers"), 0), "terminationMessagePolicy"),
        "File");
    expect_mistakes(HEAD, "line 1: template: required\n");
    expect_mistakes(HEAD "template: {metadata: {labels: {'a b': c}}}\n",
                    "line 4: template.metadata.labels[\"a b\"]: the key must be letters, digits, "
                    "'-', '_' and '.', beginning and ending with a letter or digit\n"
                    "line 4: template.spec: required\n");
    expect_mistakes(HEAD "template: {spec: {containers: [{name: a, image: b, "
                         "volumeMounts: [{name: v, mountPath: /v}]}]}}\n",
                    "line 4: template.spec.containers[0].volumeMounts[0].name: \"v\": the pod has "
                    "no such volume\n");
}

static void test_pod_template__columns(void **state)
{
    (void)state;
    static const char template[] =
        "template: {metadata: {labels: {tier: front, app: web}}, spec: {containers: "
        "[{name: a, image: reg/a:1}, {name: b, image: b}]}}";
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Containers", template, "a,b"},
        {"Images", template, "reg/a:1,b"},
        {"Pod Labels", template, "app=web,tier=front"},
        {"Pod Labels", "{}", "<none>"},
        {"Containers", "{}", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_pod_template, cases[i].column, cases[i].object, 0, cases[i].want);
}

/* Nothing else holds meta/v1 Condition to its own rules yet. */
static void test_condition__is_checked(void **state)
{
    (void)state;
    static const struct schema_field fields[] = {
        F(1, "metadata", OBJECT(type_object_meta)),
        F(2, "conditions", LIST(OBJECT(type_condition)), UNIQUE_BY("type")),
        {.name = NULL},
    };
    static const struct schema_type type = {.name = "K", .fields = fields};
    static const struct schema_kind kind = {
        .group = "", .version = "v1", .kind = "K", .type = &type};
#define WHEN "lastTransitionTime: '2026-01-01T00:00:00Z'"
    static const struct {
        const char *condition, *mistake;
    } cases[] = {
        {"{type: Ready, status: 'True', reason: Up, message: '', " WHEN "}", ""},
        {"{type: a.io/Ready, status: Unknown, reason: 'A,b:c_1', message: m, "
         "observedGeneration: 3, " WHEN "}",
         ""},
        {"{}", "line 1: conditions[0].type: required\nline 1: conditions[0].status: required\n"
               "line 1: conditions[0].lastTransitionTime: required\n"
               "line 1: conditions[0].reason: required\n"
               "line 1: conditions[0].message: required\n"},
        {"{type: Ready, status: 'Yes', reason: 'Up:', message: '', " WHEN "}",
         "line 1: conditions[0].status: \"Yes\": must be one of True, False, Unknown\n"
         "line 1: conditions[0].reason: \"Up:\": must be letters, digits, '_', ',' and ':', "
         "beginning with a letter and ending with none of ',' and ':'\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = NULL;
        cleanup(diags_done) struct diags diags = {0};
        cleanup(buf_done) struct buf got = {0};
        char text[512];
        snprintf(text, sizeof(text),
                 "{apiVersion: v1, kind: K, metadata: {name: a}, conditions: [%s]}",
                 cases[i].condition);
        assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
        assert_int_equal(schema_check(&kind, object, 0, &diags), *cases[i].mistake ? -EINVAL : 0);
        diags_print(&diags, NULL, &got);
        assert_string_equal(buf_str(&got), cases[i].mistake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pod_template__is_as_a_pod),
        cmocka_unit_test(test_pod_template__columns),
        cmocka_unit_test(test_condition__is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
