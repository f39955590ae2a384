#include "controller/server/patch.h"

#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *object = NULL;
    struct err err = {0};
    assert_int_equal(json_parse(text, strlen(text), &object, &err), 0);
    return object;
}

/* The cases of RFC 7396's appendix A whose target and patch are objects. */
static void test_patch__merge(void **state)
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
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = parse(cases[i].object);
        cleanup(value_free) struct value *patch = parse(cases[i].patch);
        cleanup(value_free) struct value *want = parse(cases[i].want);
        patch_merge(object, patch);
        assert_true(value_equal(object, want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patch__merge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
