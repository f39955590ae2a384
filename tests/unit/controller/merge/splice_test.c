#include "controller/merge/splice.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/meta.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_splice__revision(void **state)
{
    static const struct {
        const char *json;
        bool ok;
    } cases[] = {
        {"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}", true},
        {"{\"apiVersion\":\"v1\",\"metadata\":{}}", true},
        {"{\"metadata\":{\"name\":\"a\"},\"apiVersion\":\"v1\"}", true},
        {"{\"spec\":{\"metadata\":{\"x\":1}},\"a\":[{\"metadata\":{}},\"}\",\"\\\"]\"],"
         "\"apiVersion\":\"v1\",\"b\":\"\\\\\",\"n\":-1.5e3,\"metadata\":{\"name\":\"a\"}}",
         true},
        {"{\"x\":\"\\\"metadata\\\":{\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"}\"}}",
         true},
        {"{\"apiVersion\":\"v2\",\"metadata\":{}}", false},
        {"{\"apiVersion\":\"v11\",\"metadata\":{}}", false},
        {"{\"apiVersion\":\"v\",\"metadata\":{}}", false},
        {"{\"apiVersion\":\"v1\"}", false},
        {"{\"metadata\":{}}", false},
        {"{\"apiVersion\":\"v1\",\"metadata\":5}", false},
        {"{\"apiVersion\":\"v1\",\"metadata\":", false},
        {"{\"apiVersion\":\"v1\",\"metadata\":{", false},
        {"{\"apiVersion\":\"v1\",\"metadata\":nul", false},
        {"{\"apiVersion", false},
        {"{\"a\":[[[", false},
        {"[]", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf text = {0};
        struct err err = {0};
        print_message("%s\n", cases[i].json);
        int r = splice_revision(cases[i].json, strlen(cases[i].json), "v1", 42, &text);
        assert_int_equal(r, cases[i].ok ? 0 : -EINVAL);
        if (!cases[i].ok) {
            assert_int_equal(text.len, 0);
            continue;
        }
        cleanup(value_free) struct value *want = NULL;
        cleanup(value_free) struct value *have = NULL;
        assert_int_equal(json_parse(cases[i].json, strlen(cases[i].json), &want, &err), 0);
        meta_set_revision(want, 42);
        assert_int_equal(json_parse(text.data, text.len, &have, &err), 0);
        assert_true(value_equal(have, want));
    }
}

static void test_splice__status(void **state)
{
    static const struct {
        const char *json, *phase; /* NULL: none */
    } cases[] = {
        {"{\"metadata\":{\"annotations\":{\"phase\":\"a\"}},\"status\":{\"phase\":\"Running\"}}",
         "Running"},
        {"{\"status\":{\"a\":[{\"phase\":\"b\"}],\"phase\":\"\"},\"z\":1}", ""},
        {"{\"metadata\":{\"phase\":\"a\"},\"status\":{}}", NULL},
        {"{\"x\":\"\\\"status\\\":{\\\"phase\\\":\\\"a\\\"}\"}", NULL},
        {"{\"status\":{\"phase\":7}}", NULL},
        {"{\"status\":\"phase\"}", NULL},
        {"{\"status\":{\"phase\":\"a", NULL},
        {"{\"status\":{\"phase\":", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = 0;
        print_message("%s\n", cases[i].json);
        const char *phase = splice_status(cases[i].json, strlen(cases[i].json), "phase", &len);
        assert_int_equal(phase == NULL, cases[i].phase == NULL);
        if (phase) {
            assert_int_equal(len, strlen(cases[i].phase));
            assert_memory_equal(phase, cases[i].phase, len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splice__revision),
        cmocka_unit_test(test_splice__status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
