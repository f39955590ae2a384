/* What only the kinds that people define ask of the tables. */

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "common/schema/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* A limit on how much a value holds. */
struct limit {
    struct schema_more more;
    size_t max;
};

static void check_len(const struct schema_more *more, const struct value *value,
                      struct schema_walk *walk)
{
    const struct limit *limit = (const struct limit *)more;
    if (value_len(value) > limit->max)
        schema_mistake(walk, value, NULL, CAUSE_INVALID, "at most %zu", limit->max);
}

static const struct limit limit_two = {{.check = check_len}, 2};
static const struct limit limit_nulls = {{.check = check_len, .null_items = true}, 3};
static const struct schema_rule rule_two = {.more = &limit_two.more};
static const struct schema_rule rule_nulls = {.more = &limit_nulls.more};

static const struct schema_type type_leaf = {
    .name = "Leaf",
    FIELDS(F(1, "n", INT64), F(2, "m", STRING, DEF("x"))),
};
static const struct schema_type type_open = {
    .name = "Open",
    .open = true,
    FIELDS(F(1, "n", INT64)),
};
static const struct schema_type type_either = {
    .name = "Either",
    .or_bool = true,
    FIELDS(F(1, "n", INT64)),
};
static const struct schema_field row = {.name = "", SHAPE_LIST(OBJECT(type_leaf)), RULE(two)};
static const struct schema_type type_root = {
    .name = "Root",
    FIELDS({.name = "rows", .shape = SCHEMA_LIST, .item = SCHEMA_LIST, .items = &row},
           {.name = "byName", .shape = SCHEMA_MAP, .item = SCHEMA_LIST, .items = &row, RULE(two)},
           F(3, "open", OBJECT(type_open)), F(4, "either", OBJECT(type_either)),
           F(5, "maybe", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_NULLABLE),
           F(6, "nulls", MAP(STRING), RULE(nulls)), F(7, "wide", INT_OR_STRING, RULE(two)),
           F(8, "none", LIST(STRING), RULE(nulls)), F(9, "metadata", ANY)),
};
static const struct schema_kind kind_root = {
    .group = "",
    .version = "v1",
    .kind = "Root",
    .plural = "roots",
    .type = &type_root,
    .more = &limit_nulls.more,
};

static struct value *yaml(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    return object;
}

static void expect(const struct schema_kind *kind, const char *text, const char *want)
{
    cleanup(value_free) struct value *object = yaml(text);
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf got = {0};
    int r = schema_check(kind, object, 0, &diags);
    assert_int_equal(r == 0, diags.count == 0);
    for (size_t i = 0; i < diags.count; i++)
        if (!str_eq(diags.items[i].path, "metadata.name"))
            buf_addf(&got, "%s: %s\n", diags.items[i].path, diags.items[i].reason);
    if (!str_eq(buf_str(&got), want))
        fail_msg("%s\ngave\n%snot\n%s", text, buf_str(&got), want);
}

static void test_more__check(void **state)
{
    (void)state;
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"maybe:", ""},
        {"rows: [[], [{n: 1}]]\nmaybe: x", ""},
        {"rows: [[{n: 1}, {n: 2}, {n: x}]]\nmaybe: x",
         "rows[0][2].n: \"x\": must be an integer\nrows[0]: at most 2\n"},
        {"rows: [{}]\nmaybe:", "rows[0]: a map: must be a list\n"},
        {"byName: {a: [{}], b: [{k: 1}]}\nmaybe: x", "byName.b[0].k: unknown field of Leaf\n"},
        {"byName: {a: [], b: [], c: []}\nmaybe: x", "byName: at most 2\n"},
        {"open: {x: {y: z}, n: 1}\nmaybe: x", ""},
        {"open: {n: []}\nmaybe: x", "open.n: a list: must be an integer\n"},
        {"either: true\nmaybe: x", ""},
        {"either: {n: 1}\nmaybe: x", ""},
        {"either: word\nmaybe: x", "either: \"word\": must be a map\n"},
        {"open: true\nmaybe: x", "open: true: must be a map\n"},
        {"nulls: {a: }\nnone: [null]\nmaybe: x", ""},
        {"rows: [null]\nmaybe: x", "rows[0]: a null: must be a list\n"},
        {"wide: 4294967296\nmaybe: x", ""},
        {"wide: []\nmaybe: x", "wide: a list: must be an integer or a string\n"},
    };
    struct schema_kind plain = kind_root;
    plain.more = NULL;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *text = NULL;
        assert_true(asprintf(&text, "apiVersion: v1\nkind: Root\n%s", cases[i].line) > 0);
        expect(&plain, text, cases[i].want);
    }
    expect(&kind_root, "apiVersion: v1\nkind: Root\nmaybe:\nwide: 1", ": at most 3\n");
    expect(&kind_root, "apiVersion: v1\nkind: Root\nwide: 1", "maybe: required\n");
}

static void test_more__default(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object =
        yaml("rows: [[{n: 1}], []]\nbyName: {a: [{}], b: }\nmaybe:\nnulls: {a: }\n");
    cleanup(buf_done) struct buf got = {0};
    schema_default(&kind_root, object);
    (void)json_write(object, &got);
    assert_string_equal(buf_str(&got),
                        "{\"rows\":[[{\"n\":1,\"m\":\"x\"}],[]],\"byName\":{\"a\":[{\"m\":\"x\"}]},"
                        "\"maybe\":null,\"nulls\":{\"a\":null}}");
}

static void test_more__default_tree(void **state)
{
    (void)state;
    cleanup(value_free) struct value *def = yaml("[{a: 1}]");
    const struct schema_more more = {.def = def};
    const struct schema_rule rule = {.more = &more};
    const struct schema_field fields[] = {
        {.name = "list", SHAPE_LIST(ANY), .rule = &rule},
        {.name = "maybe", SHAPE_STRING, .flags = SCHEMA_NULLABLE, .rule = &rule},
        {.name = NULL}};
    const struct schema_type type = {.name = "T", .fields = fields};
    cleanup(value_free) struct value *object = yaml("{list: , maybe: }");
    schema_default_type(&type, object);
    assert_true(value_equal(value_get(object, "list"), def));
    assert_int_equal(value_type(value_get(object, "maybe")), VALUE_NULL);
}

static void test_more__keys(void **state)
{
    (void)state;
    cleanup(value_free) struct value *list =
        yaml("[{port: 1, protocol: TCP}, {port: 1, protocol: UDP}, {port: 1}, {port: 1}]");
    const struct value *a = value_at(list, 0), *b = value_at(list, 1), *c = value_at(list, 2);
    assert_true(schema_same_key("port", a, b));
    assert_true(schema_same_key("port,protocol", a, a));
    assert_false(schema_same_key("port,protocol", a, b));
    assert_false(schema_same_key("port,protocol", a, c));
    assert_false(schema_same_key("port,protocol", c, value_at(list, 3)));
    assert_false(schema_same_key(NULL, a, a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more__check),
        cmocka_unit_test(test_more__default),
        cmocka_unit_test(test_more__default_tree),
        cmocka_unit_test(test_more__keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
