#include "controller/api/patch.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/api/status.h"
#include "tests/unit/controller/lib/documents.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_patch__types(void **state)
{
    (void)state;
    enum patch_type type;
    struct schema_kind custom = kind_config_map;
    custom.group = "example.com";
    assert_int_equal(patch_type_find("application/json-patch+json", &type), 0);
    assert_int_equal(type, PATCH_JSON);
    assert_int_equal(patch_type_find("application/strategic-merge-patch+json", &type), 0);
    assert_int_equal(type, PATCH_STRATEGIC);
    assert_int_equal(patch_type_find("application/json", &type), -ENOENT);
    assert_true(patch_type_fits(PATCH_STRATEGIC, &kind_config_map));
    assert_true(patch_type_fits(PATCH_MERGE, &custom));
    assert_false(patch_type_fits(PATCH_STRATEGIC, &custom));
    cleanup(value_free) struct value *status = patch_type_refusal(&custom);
    assert_int_equal(status_code(status), 415);
    assert_string_equal(
        value_get_str(status, "message"),
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
}

static void test_patch__codes(void **state)
{
    (void)state;
    static const struct {
        enum patch_type type;
        const char *patch;
        int code;
    } cases[] = {
        {PATCH_JSON, "[{op: add, path: /data, value: {a: b}}]", 0},
        {PATCH_JSON, "{}", 400},
        {PATCH_JSON, "[{op: remove, path: /no}]", 422},
        {PATCH_JSON, "[{op: test, path: /kind, value: Pod}]", 422},
        {PATCH_MERGE, "{data: {a: b}}", 0},
        {PATCH_MERGE, "[]", 400},
        {PATCH_STRATEGIC, "{data: {a: b}}", 0},
        {PATCH_STRATEGIC, "[]", 400},
        {PATCH_STRATEGIC, "{data: {$patch: what}}", 400},
        {PATCH_STRATEGIC, "{data: {$retainKeys: [], a: b}}", 422},
    };
    cleanup(value_free) struct value *object = document("{kind: ConfigMap, data: {c: d}}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *patch = document(cases[i].patch);
        cleanup(value_free) struct value *after = NULL;
        cleanup(value_free) struct value *status =
            patch_object(&kind_config_map, cases[i].type, object, patch, &after);
        assert_int_equal(status ? status_code(status) : 0, cases[i].code);
        assert_true(status ? !after : after != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patch__types),
                                       cmocka_unit_test(test_patch__codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
