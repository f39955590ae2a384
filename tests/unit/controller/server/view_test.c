#include "controller/server/view.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "controller/api/status.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct value *json(const char *text)
{
    struct value *value = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &value, &err) != 0)
        fail_msg("%s: %s", text, err.msg);
    return value;
}

#define POD "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"},\"spec\":{}}"
#define PARTIAL(version)                                                                           \
    "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/" version                    \
    "\",\"metadata\":{\"name\":\"a\"}}"

static void test_view__forms(void **state)
{
    (void)state;
    static const struct {
        enum accept accept;
        const char *object, *want, *kind, *api_version;
    } cases[] = {
        {ACCEPT_JSON, POD, POD, "Pod", "v1"},
        {ACCEPT_PARTIAL, POD, PARTIAL("v1"), "PartialObjectMetadata", "meta.k8s.io/v1"},
        {ACCEPT_PARTIAL_BETA, POD, PARTIAL("v1beta1"), "PartialObjectMetadata",
         "meta.k8s.io/v1beta1"},
        {ACCEPT_PARTIAL,
         "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" POD "]}",
         "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{"
         "\"resourceVersion\":\"7\"},\"items\":[" PARTIAL("v1") "]}",
         "PartialObjectMetadata", "meta.k8s.io/v1"},
        {ACCEPT_PARTIAL, "{\"kind\":\"Status\",\"code\":404}", "{\"kind\":\"Status\",\"code\":404}",
         "PartialObjectMetadata", "meta.k8s.io/v1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char storage[128];
        const struct view view = {cases[i].accept, TABLE_METADATA};
        cleanup(value_free) struct value *want = json(cases[i].want);
        cleanup(value_free) struct value *got =
            view_make(&view, &kind_pod, json(cases[i].object), true, 0);
        assert_true(value_equal(got, want));
        assert_string_equal(view_kind(&view, &kind_pod), cases[i].kind);
        assert_string_equal(view_api_version(&view, &kind_pod, storage), cases[i].api_version);
    }
    const struct view table = {ACCEPT_TABLE, TABLE_NOTHING};
    cleanup(value_free) struct value *rows = view_make(&table, &kind_pod, json(POD), true, 0);
    assert_string_equal(value_get_str(rows, "kind"), "Table");
}

static void test_view__include_object(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        int want; /* enum table_include; -1: refused */
    } cases[] = {
        {"/x", TABLE_METADATA},
        {"/x?includeObject=", TABLE_METADATA},
        {"/x?includeObject=Object", TABLE_OBJECT},
        {"/x?includeObject=None", TABLE_NOTHING},
        {"/x?includeObject=none", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url url;
        struct err err = {0};
        struct view view;
        assert_int_equal(url_parse(cases[i].target, &url, &err), 0);
        cleanup(value_free) struct value *status = view_parse_url(&url, ACCEPT_TABLE, &view);
        assert_int_equal(status ? -1 : (int)view.include, cases[i].want);
        assert_int_equal(status ? status_code(status) : 400, 400);
        url_done(&url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view__forms),
        cmocka_unit_test(test_view__include_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
