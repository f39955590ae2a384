#include "controller/merge/patch_json.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/limits.h"
#include "tests/unit/controller/lib/documents.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* want NULL: the patch is refused with the error. */
static void check(const char *object, const char *patch, const char *want, int error)
{
    cleanup(value_free) struct value *before = document(object);
    cleanup(value_free) struct value *operations = document(patch);
    cleanup(value_free) struct value *after = NULL;
    struct err err = {0};
    int r = patch_json(before, operations, &after, &err);
    print_message("%s: %s\n", patch, r ? err.msg : "applied");
    assert_int_equal(r, error);
    assert_document(before, object);
    if (want)
        assert_document(after, want);
    else
        assert_null(after);
}

/* The cases of RFC 6902's appendix A, and what they leave out. */
static void test_patch_json__applies(void **state)
{
    (void)state;
    static const struct {
        const char *object, *patch, *want;
    } cases[] = {
        {"{foo: bar}", "[{op: add, path: /baz, value: qux}]", "{baz: qux, foo: bar}"},
        {"{foo: [bar, baz]}", "[{op: add, path: /foo/1, value: qux}]", "{foo: [bar, qux, baz]}"},
        {"{baz: qux, foo: bar}", "[{op: remove, path: /baz}]", "{foo: bar}"},
        {"{foo: [bar, qux, baz]}", "[{op: remove, path: /foo/1}]", "{foo: [bar, baz]}"},
        {"{baz: qux, foo: bar}", "[{op: replace, path: /baz, value: boo}]", "{baz: boo, foo: bar}"},
        {"{foo: {bar: baz, waldo: fred}, qux: {corge: grault}}",
         "[{op: move, from: /foo/waldo, path: /qux/thud}]",
         "{foo: {bar: baz}, qux: {corge: grault, thud: fred}}"},
        {"{foo: [all, grass, cows, eat]}", "[{op: move, from: /foo/1, path: /foo/3}]",
         "{foo: [all, cows, eat, grass]}"},
        {"{baz: qux, foo: [a, 2, c]}",
         "[{op: test, path: /baz, value: qux}, {op: test, path: /foo/1, value: 2}]",
         "{baz: qux, foo: [a, 2, c]}"},
        {"{foo: bar}", "[{op: add, path: /child, value: {grandchild: {}}}]",
         "{foo: bar, child: {grandchild: {}}}"},
        {"{foo: bar}", "[{op: add, path: /baz, value: qux, xyz: 123}]", "{foo: bar, baz: qux}"},
        {"{/: 9, ~1: 10}", "[{op: test, path: /~01, value: 10}, {op: remove, path: /~1}]",
         "{~1: 10}"},
        {"{foo: [bar]}", "[{op: add, path: /foo/-, value: [abc, def]}]",
         "{foo: [bar, [abc, def]]}"},
        {"{foo: [a]}", "[{op: replace, path: /foo/0, value: b}]", "{foo: [b]}"},
        {"{foo: null}",
         "[{op: test, path: /foo, value: null}, {op: replace, path: /foo, value: 1}]", "{foo: 1}"},
        {"{a: 1}", "[{op: test, path: /b, value: null}]", "{a: 1}"},
        {"{a: {b: 1}}", "[{op: copy, from: /a, path: /c}, {op: add, path: /a/b, value: 2}]",
         "{a: {b: 2}, c: {b: 1}}"},
        {"{a: 1}", "[{op: move, from: /a, path: /a}]", "{a: 1}"},
        {"{a: 1}", "[{op: add, path: '', value: {b: 2}}]", "{b: 2}"},
        {"{a: {b: 1}}", "[{op: move, from: /a, path: ''}]", "{b: 1}"},
        {"{'': 1}", "[{op: replace, path: /, value: 2}]", "{'': 2}"},
        {"{a: 1}", "[]", "{a: 1}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].object, cases[i].patch, cases[i].want, 0);
}

static void test_patch_json__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *object, *patch;
        int error;
    } cases[] = {
        {"{a: 1}", "{op: add}", -EINVAL},
        {"{a: 1}", "[1]", -EINVAL},
        {"{a: 1}", "[{path: /a, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: merge, path: /a}]", -ENOENT},
        {"{a: 1}", "[{op: add, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: add, path: 5, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: add, path: a, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: add, path: /a}]", -ENOENT},
        {"{a: 1}", "[{op: add, path: /b/c, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: add, path: /a/c, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: add, path: /~2, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: add, path: /~, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: remove, path: /b}]", -ENOENT},
        {"{a: 1}", "[{op: remove, path: ''}]", -ENOENT},
        {"{a: 1}", "[{op: replace, path: /b, value: 1}]", -ENOENT},
        {"{a: 1}", "[{op: test, path: /a, value: '1'}]", -ENOENT},
        {"{a: 1}", "[{op: test, path: /b, value: 1}]", -ENOENT},
        {"{a: {}}", "[{op: move, from: /a, path: /a/b}]", -ENOENT},
        {"{a: {}}", "[{op: move, from: /b, path: /a/b}]", -ENOENT},
        {"{a: {}}", "[{op: copy, path: /a/b}]", -ENOENT},
        {"{a: {}}", "[{op: copy, from: /a}]", -ENOENT},
        {"{a: [1]}", "[{op: add, path: /a/2, value: 1}]", -ENOENT},
        {"{a: [1]}", "[{op: add, path: /a/00, value: 1}]", -ENOENT},
        {"{a: [1]}", "[{op: add, path: /a/-1, value: 1}]", -ENOENT},
        {"{a: [1]}", "[{op: add, path: /a/x, value: 1}]", -ENOENT},
        {"{a: [1]}", "[{op: remove, path: /a/1}]", -ENOENT},
        {"{a: [1]}", "[{op: remove, path: /a/-}]", -ENOENT},
        {"{a: [1]}", "[{op: replace, path: /a/1, value: 1}]", -ENOENT},
        /* all or nothing */
        {"{a: 1}", "[{op: remove, path: /a}, {op: remove, path: /a}]", -ENOENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].object, cases[i].patch, NULL, cases[i].error);
}

static struct value *operation(const char *op, const char *from, const char *path)
{
    struct value *out = value_new_map();
    value_set_str(out, "op", op);
    value_set_str(out, "from", from);
    value_set_str(out, "path", path);
    value_set(out, "value", value_new_null());
    return out;
}

static int repeat(const struct value *object, int count, const char *op, const char *from,
                  const char *path)
{
    cleanup(value_free) struct value *patch = value_new_list();
    cleanup(value_free) struct value *after = NULL;
    struct err err = {0};
    for (int i = 0; i < count; i++)
        value_append(patch, operation(op, from, path));
    return patch_json(object, patch, &after, &err);
}

static void test_patch_json__bounded(void **state)
{
    (void)state;
    cleanup(value_free) struct value *small = document("{l: []}");
    assert_int_equal(repeat(small, PATCH_JSON_MAX, "add", NULL, "/l/-"), 0);
    assert_int_equal(repeat(small, PATCH_JSON_MAX + 1, "add", NULL, "/l/-"), -E2BIG);

    cleanup(value_free) struct value *text = document("{a: {b: 0123456789abcdef}, l: []}");
    cleanup(value_free) struct value *big = document("{l: []}");
    autofree char *filler = xasprintf("%*d", DATA_MAX_BYTES / 10, 0);
    value_set_str(big, "a", filler);
    assert_int_equal(repeat(big, 9, "copy", "/a", "/l/-"), 0);
    assert_int_equal(repeat(big, 11, "copy", "/a", "/l/-"), -E2BIG);
    assert_int_equal(repeat(text, 1000, "copy", "/a", "/l/-"), 0);
    /* nesting by one with each */
    assert_int_equal(repeat(text, 30, "move", "/a", "/a"), 0);
    assert_int_equal(repeat(text, DATA_MAX_DEPTH + 1, "copy", "/a", "/a/b"), -E2BIG);

    /* insertions at the front of a long list */
    cleanup(value_free) struct value *longer = document("{}");
    struct value *list = value_set(longer, "l", value_new_list());
    for (int i = 0; i < DATA_MAX_NODES / 2; i++)
        value_append(list, value_new_null());
    assert_int_equal(repeat(longer, 100, "add", NULL, "/l/0"), 0);
    assert_int_equal(repeat(longer, PATCH_JSON_MAX, "add", NULL, "/l/0"), -E2BIG);
    assert_int_equal(repeat(longer, PATCH_JSON_MAX, "remove", NULL, "/l/0"), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patch_json__applies),
        cmocka_unit_test(test_patch_json__refuses),
        cmocka_unit_test(test_patch_json__bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
