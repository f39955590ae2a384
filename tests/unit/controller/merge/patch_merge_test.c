#include "controller/merge/patch_merge.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/documents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

/* The cases of RFC 7396's appendix A. */
static void test_patch_merge__rfc(void **state)
{
    (void)state;
    static const struct {
        const char *object, *patch, *want;
    } cases[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = document(cases[i].object);
        cleanup(value_free) struct value *patch = document(cases[i].patch);
        cleanup(value_free) struct value *merged = patch_merge(object, patch);
        assert_document(merged, cases[i].want);
    }
}

/* As many deletions as a body has room for cost no more than reading it. */
static void test_patch_merge__many_deletions(void **state)
{
    (void)state;
    enum { KEYS = 60000 };
    cleanup(value_free) struct value *object = value_new_map();
    cleanup(value_free) struct value *patch = value_new_map();
    for (int i = 0; i < KEYS; i++) {
        autofree char *key = xasprintf("%d", i);
        value_set_int(object, key, i);
        value_set(patch, key, value_new_null());
    }
    clock_t begin = clock();
    cleanup(value_free) struct value *merged = patch_merge(object, patch);
    assert_int_equal(value_len(merged), 0);
    assert_true((clock() - begin) / CLOCKS_PER_SEC < 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patch_merge__rfc),
        cmocka_unit_test(test_patch_merge__many_deletions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
