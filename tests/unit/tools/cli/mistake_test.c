#include "tools/cli/mistake.h"

#include "common/data/json.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char pod[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
                          "  - name: a\n    image: b\n";

/* What is said of the pod above, which is the second document of a file. */
static void assert_said(int code, const char *status_json, const char *want)
{
    cleanup(value_free) struct value *object = NULL;
    cleanup(value_free) struct value *status = NULL;
    cleanup(diags_done) struct diags diags;
    cleanup(buf_done) struct buf text = {0};
    diags_init(&diags);
    assert_int_equal(yaml_parse(pod, strlen(pod), &object, &diags), 0);
    assert_int_equal(json_parse(status_json, strlen(status_json), &status, NULL), 0);
    const struct document document = {&kind_pod, "f.yaml", 2, object};
    mistake_add_status(&text, &document, code, status);
    assert_string_equal(buf_str(&text), want);
}

static void test_mistake__of_the_gateway(void **state)
{
    (void)state;
    assert_said(404, "{\"message\":\"namespaces \\\"x\\\" not found\"}",
                "f.yaml:1: namespaces \"x\" not found (document 2, pod/web)\n");
    assert_said(422,
                "{\"message\":\"all of it\",\"details\":{\"causes\":["
                "{\"field\":\"spec.containers[0].image\",\"message\":\"may not change\"},"
                "{\"field\":\"spec\",\"message\":\"Forbidden\"}]}}",
                "f.yaml:7: spec.containers[0].image: may not change (document 2, pod/web)\n"
                "f.yaml:4: spec: Forbidden (document 2, pod/web)\n");
    assert_said(502, "{}", "f.yaml:1: the gateway answers with HTTP 502 (document 2, pod/web)\n");
    assert_said(500, "{\"message\":\"a\\u001b[31mb\\nc\"}",
                "f.yaml:1: a?[31mb\nc (document 2, pod/web)\n");
}

static void test_mistake__of_a_file(void **state)
{
    cleanup(diags_done) struct diags diags;
    cleanup(buf_done) struct buf text = {0};
    (void)state;
    diags_init(&diags);
    diags_add(&diags, 0, "", "FieldValueRequired", "no object in it");
    diags.document = 1;
    diags_add(&diags, 3, "", "FieldValueInvalid", "not YAML");
    diags.document = 2;
    diags.object = "pod/web";
    diags_add(&diags, 9, "spec.x", "FieldUnknown", "unknown field");
    diags.dropped = 4;
    mistake_add_diags(&text, "f.yaml", &diags);
    assert_string_equal(buf_str(&text), "f.yaml: no object in it\n"
                                        "f.yaml:3: not YAML (document 1)\n"
                                        "f.yaml:9: spec.x: unknown field (document 2, pod/web)\n"
                                        "f.yaml: and 4 more\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistake__of_the_gateway),
        cmocka_unit_test(test_mistake__of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
