#include "controller/api/inert.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/types.h"
#include "tests/unit/controller/lib/documents.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct schema_type type_item = {
    .name = "Item",
    FIELDS(F(1, "name", STRING), F(2, "later", STRING, INERT, DEF("no")),
           F(3, "flag", BOOL, INERT, DEF("false")), F(4, "count", INT32, INERT, DEF("1"))),
};
static const struct schema_type type_spec = {
    .name = "Spec",
    FIELDS(F(1, "items", LIST(OBJECT(type_item)), BY("name")),
           F(2, "named", MAP(OBJECT(type_item))), F(3, "one", OBJECT(type_item)),
           F(4, "part", OBJECT(type_item), INERT), F(5, "rows", LIST(OBJECT(type_item)))),
};
static const struct schema_type type_root = {
    .name = "Thing",
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)), F(2, "spec", OBJECT(type_spec)),
           F(3, "status", OBJECT(type_spec))),
};

/* stored: what it was, or NULL; want: the paths that are told, in order, each with a space after
 * it. */
static void check_change(unsigned flags, const char *stored, const char *object, const char *want)
{
    const struct schema_kind kind = {.kind = "Thing", .type = &type_root, .flags = flags};
    cleanup(value_free) struct value *parsed = document(object);
    cleanup(value_free) struct value *before = stored ? document(stored) : NULL;
    cleanup(diags_done) struct diags warnings;
    cleanup(buf_done) struct buf told = {0};
    diags_init(&warnings);
    inert_warn(&kind, before, parsed, &warnings);
    for (size_t i = 0; i < warnings.count; i++) {
        autofree char *reason =
            xasprintf("%s: accepted and kept; nothing acts on it yet", warnings.items[i].path);
        assert_string_equal(warnings.items[i].reason, reason);
        (void)buf_addf(&told, "%s ", warnings.items[i].path);
    }
    assert_string_equal(buf_str(&told), want);
}

static void check(unsigned flags, const char *object, const char *want)
{
    check_change(flags, NULL, object, want);
}

static void test_inert__names_fields_once(void **state)
{
    (void)state;
    check(0, "{metadata: {name: a}, spec: {one: {name: x}}}", "");
    check(0, "{spec: {one: {later: yes, flag: true, count: 3}}}",
          "spec.one.later spec.one.flag spec.one.count ");
    check(0, "{spec: {items: [{later: a}, {later: b, flag: true}]}}",
          "spec.items[*].later spec.items[*].flag ");
    check(0, "{spec: {named: {a: {count: 2}, b: {count: 3}}}}", "spec.named[*].count ");
    check(0, "{spec: {part: {later: x}}}", "spec.part ");
    check(SCHEMA_KIND_INERT, "{}", "Thing ");
}

static void test_inert__silent(void **state)
{
    (void)state;
    check(0, "{spec: {one: {later: 'no', flag: false, count: 1}}}", "");
    check(0, "{spec: {one: {later: null}, part: {}}}", "");
    check(0, "{status: {one: {later: x}}}", "");
    check(0, "{spec: 5, what: {later: x}}", "");
    check(0, "[1]", "");
}

/* What is as it was is nobody's doing now: admission may have put it there. */
static void test_inert__only_changes(void **state)
{
    (void)state;
    static const struct {
        const char *stored, *object, *want;
    } cases[] = {
        {"{spec: {one: {later: x}, part: {name: a}}}",
         "{spec: {one: {later: x, name: b}, part: {name: a}}}", ""},
        {"{spec: {one: {later: x}}}", "{spec: {one: {later: y}}}", "spec.one.later "},
        {"{spec: {one: {later: x}}}", "{spec: {one: {later: x, flag: true}}}", "spec.one.flag "},
        {"{spec: {one: {later: x}}}", "{spec: {one: {}}}", ""},
        {"{}", "{spec: {one: {later: x}}}", "spec.one.later "},
        {"{spec: {part: {name: a}}}", "{spec: {part: {name: b}}}", "spec.part "},
        /* items keep their keys, wherever they stand */
        {"{spec: {items: [{name: a, later: x}]}}",
         "{spec: {items: [{name: b}, {name: a, later: x}]}}", ""},
        {"{spec: {items: [{name: a, later: x}]}}",
         "{spec: {items: [{name: b, later: x}, {name: a, later: x}]}}", "spec.items[*].later "},
        {"{spec: {items: [{name: a, later: x}]}}", "{spec: {items: [{later: x}]}}",
         "spec.items[*].later "},
        {"{spec: {rows: [{later: x}]}}", "{spec: {rows: [{later: x, name: a}, {later: x}]}}",
         "spec.rows[*].later "},
        {"{spec: {rows: [{later: x}]}}", "{spec: {rows: [{later: x, name: a}]}}", ""},
        {"{spec: {named: {a: {count: 2}}}}", "{spec: {named: {b: {}, a: {count: 2}}}}", ""},
        {"{spec: {named: {a: {count: 2}}}}", "{spec: {named: {b: {count: 2}}}}",
         "spec.named[*].count "},
        {"{spec: {items: 5, one: [1]}}", "{spec: {items: [{name: a, later: x}], one: {count: 2}}}",
         "spec.items[*].later spec.one.count "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_change(0, cases[i].stored, cases[i].object, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_inert__names_fields_once),
                                       cmocka_unit_test(test_inert__silent),
                                       cmocka_unit_test(test_inert__only_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
