#include "sample.h"

static void expect(const char *text, unsigned flags, const char *want)
{
    cleanup(value_free) struct value *object = yaml(text);
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf got = {0};
    int r = schema_check(&kind_sample, object, flags, &diags);
    diags_sort(&diags);
    for (size_t i = 0; i < diags.count; i++)
        buf_addf(&got, "%d %s %s %s\n", diags.items[i].line, diags.items[i].cause,
                 diags.items[i].path, diags.items[i].reason);
    if (strcmp(buf_str(&got), want) != 0)
        fail_msg("%s\ngave\n%snot\n%s", text, buf_str(&got), want);
    assert_int_equal(r == 0, !*want);
}

static void test_check__right(void **state)
{
    (void)state;
    expect(SAMPLE NEEDED, 0, "");
    expect(SAMPLE NEEDED
           "bool: false\nint32: -2147483648\nint64: 9223372036854775807\nport: 65535\ndouble: 1\n"
           "quantity: 1.5\nintOrString: 80\ntime: 2026-01-31T12:00:00Z\nbytes: aGk=\nany: [{}]\n"
           "policy: Never\nsub: {text: x}\nparts: [{name: a, left: x}, {name: b, right: y}]\n"
           "words: [x]\nset: [1, 2]\nlabels: {a/b: ''}\namounts: {x: 1Mi}\nbyName: {x: {}}\n"
           "secret: {a: aGk=}\n",
           0, "");
    /* null is absent, and so is "" */
    expect(SAMPLE NEEDED "port:\nsub:\nparts:\nany:\nlabels: {a: }\npolicy: ''\ntime:\n", 0, "");
}

static void test_check__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"wrods: [x]", "6 FieldUnknown wrods unknown field; did you mean words?\n"},
        {"zzzzzz: 1", "6 FieldUnknown zzzzzz unknown field of Sample\n"},
        {"a.b/c: 1", "6 FieldUnknown [\"a.b/c\"] unknown field of Sample\n"},
        {"sub: {txt: x}", "6 FieldUnknown sub.txt unknown field; did you mean text?\n"},
        {"sub: {kind: x}", "6 FieldUnknown sub.kind unknown field of Sub\n"},
        {"bool: 1", "6 FieldValueTypeInvalid bool 1: must be true or false\n"},
        {"bool: 'true'", "6 FieldValueTypeInvalid bool \"true\": must be true or false\n"},
        {"int32: 2147483648",
         "6 FieldValueInvalid int32 2147483648: must be -2147483648-2147483647\n"},
        {"int32: 1.5", "6 FieldValueTypeInvalid int32 1.5: must be an integer\n"},
        {"int32: '1'", "6 FieldValueTypeInvalid int32 \"1\": must be an integer\n"},
        {"int64: 9223372036854775808",
         "6 FieldValueTypeInvalid int64 9.22337e+18: must be an integer\n"},
        {"port: 70000", "6 FieldValueInvalid port 70000: must be 1-65535\n"},
        {"port: 0", "6 FieldValueInvalid port 0: must be 1-65535\n"},
        {"double: x", "6 FieldValueTypeInvalid double \"x\": must be a number\n"},
        {"quantity: 1x",
         "6 FieldValueTypeInvalid quantity \"1x\": must be a quantity such as 250m or 64Mi\n"},
        {"quantity: -1", "6 FieldValueInvalid quantity -1: must be at least 0\n"},
        {"quantity: 99Ei", "6 FieldValueInvalid quantity \"99Ei\": too large a quantity\n"},
        {"quantity: {}",
         "6 FieldValueTypeInvalid quantity a map: must be a quantity such as 250m or 64Mi\n"},
        {"intOrString: []",
         "6 FieldValueTypeInvalid intOrString a list: must be an integer or a string\n"},
        {"intOrString: 2147483648",
         "6 FieldValueInvalid intOrString 2147483648: must be -2147483648-2147483647\n"},
        {"time: 2026-01-31", "6 FieldValueTypeInvalid time \"2026-01-31\": must be a time such as "
                             "2026-01-31T12:00:00Z\n"},
        {"bytes: '***'", "6 FieldValueTypeInvalid bytes \"***\": must be base64\n"},
        {"policy: Nevr",
         "6 FieldValueNotSupported policy \"Nevr\": must be one of Always, Never\n"},
        {"policy: true",
         "6 FieldValueTypeInvalid policy true: must be a string (put it in quotes)\n"},
        {"sub: x", "6 FieldValueTypeInvalid sub \"x\": must be a map\n"},
        {"sub: []", "6 FieldValueTypeInvalid sub a list: must be a map\n"},
        {"parts: {}", "6 FieldValueTypeInvalid parts a map: must be a list\n"},
        {"parts: [x]", "6 FieldValueTypeInvalid parts[0] \"x\": must be a map\n"},
        {"parts: [null]", "6 FieldValueTypeInvalid parts[0] a null: must be a map\n"},
        {"parts: [{left: x}]", "6 FieldValueRequired parts[0].name required\n"},
        {"parts: [{name: '', left: x}]", "6 FieldValueRequired parts[0].name required\n"},
        {"parts: [{name: a}]", "6 FieldValueRequired parts[0] must name a choice\n"},
        {"parts: [{name: a, left: x, right: y}]",
         "6 FieldValueForbidden parts[0].right not beside left: there may be one choice\n"},
        {"parts: [{name: a, left: x, low: 5, high: 3}]",
         "6 FieldValueInvalid parts[0].low must be below high\n"},
        {"parts: [{name: a, left: x}, {name: b, left: x}, {name: a, left: x}]",
         "6 FieldValueDuplicate parts[2].name \"a\": comes twice (first at [0])\n"},
        {"set: [1, 2, 1]", "6 FieldValueDuplicate set[2] 1: comes twice (first at [0])\n"},
        {"words: [a, '']", "6 FieldValueInvalid words[1] \"\": must not be empty\n"},
        {"words: [1]", "6 FieldValueTypeInvalid words[0] 1: must be a string (put it in quotes)\n"},
        {"labels: {a: 1}",
         "6 FieldValueTypeInvalid labels.a 1: must be a string (put it in quotes)\n"},
        {"labels: {-a: x}",
         "6 FieldValueInvalid labels.-a the key must be letters, digits, '-', '_' and '.', "
         "beginning and ending with a letter or digit\n"},
        {"labels: {a: -x}",
         "6 FieldValueInvalid labels.a \"-x\": must be letters, digits, '-', '_' and '.', "
         "beginning and ending with a letter or digit\n"},
        {"labels: []", "6 FieldValueTypeInvalid labels a list: must be a map\n"},
        {"amounts: {x: y}",
         "6 FieldValueTypeInvalid amounts.x \"y\": must be a quantity such as 250m or 64Mi\n"},
        {"byName: {x: {nope: 1}}", "6 FieldUnknown byName.x.nope unknown field of Sub\n"},
        {"secret: {a: hunter2}", "6 FieldValueTypeInvalid secret.a (hidden): must be base64\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s%s\n", SAMPLE NEEDED, cases[i].line);
        expect(text, 0, cases[i].want);
    }
}

static void test_check__required(void **state)
{
    (void)state;
    expect(SAMPLE, 0,
           "1 FieldValueRequired empty required\n1 FieldValueRequired needed required\n");
    expect(SAMPLE "needed: []\nempty: null\n", 0,
           "4 FieldValueRequired needed required\n5 FieldValueRequired empty required\n");
}

static void test_check__all_at_once(void **state)
{
    (void)state;
    expect(SAMPLE NEEDED "port: 0\nbool: x\nparts:\n- name: A\n  left: x\n  nope: 1\n", 0,
           "6 FieldValueInvalid port 0: must be 1-65535\n"
           "7 FieldValueTypeInvalid bool \"x\": must be true or false\n"
           "9 FieldValueInvalid parts[0].name \"A\": must be a-z, 0-9 and '-', beginning and "
           "ending with a letter or digit\n"
           "11 FieldUnknown parts[0].nope unknown field of Part\n");
}

static void test_check__names_and_type(void **state)
{
    (void)state;
    expect("apiVersion: v1\nkind: Sample\nmetadata: {name: X}\n" NEEDED, 0,
           "1 FieldValueInvalid apiVersion must be test.limpet.io/v1\n"
           "3 FieldValueInvalid metadata.name \"X\": must be a-z, 0-9, '-' and '.', each part "
           "beginning and ending with a letter or digit\n");
    expect("apiVersion: test.limpet.io/v1\nkind: Sample\n" NEEDED, 0,
           "1 FieldValueRequired metadata.name required (or generateName)\n");
    expect("apiVersion: test.limpet.io/v1\nkind: Sample\nmetadata: {generateName: x-}\n" NEEDED, 0,
           "");
    expect("apiVersion: test.limpet.io/v1\nkind: Sample\nmetadata: x\n" NEEDED, 0,
           "3 FieldValueTypeInvalid metadata \"x\": must be a map\n");
    cleanup(diags_done) struct diags diags = {0};
    cleanup(value_free) struct value *list = value_new_list();
    assert_true(schema_check(&kind_sample, list, 0, &diags) < 0);
    assert_true(schema_check(&kind_sample, NULL, 0, &diags) < 0);
    assert_int_equal(diags.count, 2);
}

static void test_check__status_only_where_asked(void **state)
{
    (void)state;
    expect(SAMPLE NEEDED "status: {phase: 1}\n", 0, "");
    expect(SAMPLE NEEDED "status: {phase: 1}\n", SCHEMA_CHECK_STATUS,
           "6 FieldValueTypeInvalid status.phase 1: must be a string (put it in quotes)\n");
}

static void test_check__hostile_lists_stay_quick(void **state)
{
    (void)state;
    cleanup(value_free) struct value *object = yaml(SAMPLE NEEDED);
    struct value *set = value_new_list();
    for (int i = 0; i < 190000; i++)
        value_append(set, value_new_int(i % 1000));
    value_set(object, "set", set);
    cleanup(diags_done) struct diags diags = {0};
    assert_true(schema_check(&kind_sample, object, 0, &diags) < 0);
    assert_int_equal(diags.count, 100);
    assert_int_equal(diags.dropped, 190000 - 1000 - 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check__right),
        cmocka_unit_test(test_check__mistakes),
        cmocka_unit_test(test_check__required),
        cmocka_unit_test(test_check__all_at_once),
        cmocka_unit_test(test_check__names_and_type),
        cmocka_unit_test(test_check__status_only_where_asked),
        cmocka_unit_test(test_check__hostile_lists_stay_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
