#include "common/schema/jsonpath.h"

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void add(void *ctx, const struct value *value)
{
    struct buf *text = ctx;
    if (text->len > 0)
        buf_addc(text, ' ');
    (void)json_write(value, text);
}

static void test_jsonpath__each(void **state)
{
    (void)state;
    static const char document[] =
        "spec: {n: 3, 'a.b/c': x, list: [{k: p, v: 1, ok: true}, {k: q, v: 2}], deep: {x: {y: z}}}";
    static const struct {
        const char *path, *want;
        int code;
    } cases[] = {
        {".spec.n", "3", 0},
        {".spec.none.of", "", 0},
        {".spec['a.b/c']", "\"x\"", 0},
        {".spec[\"a.b/c\"]", "\"x\"", 0},
        {".spec.a\\.b/c", "\"x\"", 0},
        {".spec.list[0].k", "\"p\"", 0},
        {".spec.list[-1].k", "\"q\"", 0},
        {".spec.list[2].k", "", 0},
        {".spec.list[*].v", "1 2", 0},
        {".spec.deep.*.y", "\"z\"", 0},
        {".spec.list[?(@.k==\"q\")].v", "2", 0},
        {".spec.list[?(@.k == 'p')].v", "1", 0},
        {".spec.list[?(@.v==2)].k", "\"q\"", 0},
        {".spec.list[?(@.ok==true)].k", "\"p\"", 0},
        {".spec.n[0]", "", 0},
        {"..n", "", -EINVAL},
        {".spec.list[?(@.k>1)].v", "", -EINVAL},
        {".spec.list[", "", -EINVAL},
        {".spec['n", "", -EINVAL},
        {".spec.", "", -EINVAL},
    };
    cleanup(value_free) struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse(document, strlen(document), &object, &diags), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf text = {0};
        int r = jsonpath_each(cases[i].path, object, add, &text);
        if (r != cases[i].code || !str_eq(buf_str(&text), cases[i].want))
            fail_msg("%s: %d \"%s\"", cases[i].path, r, buf_str(&text));
    }
}

static void test_jsonpath__limits(void **state)
{
    (void)state;
    cleanup(value_free) struct value *list = value_new_list();
    cleanup(buf_done) struct buf text = {0};
    for (size_t i = 0; i < 2 * JSONPATH_MAX; i++)
        value_append(list, value_new_bool(true));
    assert_int_equal(jsonpath_each("[*]", list, add, &text), 0);
    assert_int_equal(text.len, JSONPATH_MAX * 5 - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jsonpath__each),
                                       cmocka_unit_test(test_jsonpath__limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
