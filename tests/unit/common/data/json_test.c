#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int parse(const char *text, struct value **ret, struct err *err)
{
    return json_parse(text, strlen(text), ret, err);
}

static void test_json__takes_what_rfc_8259_takes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {" { \"b\" : [ ] , \"a\" : { } } ", "{\"a\":{},\"b\":[]}"},
        {"[null,true,false]", "[null,true,false]"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9007199254740993", "9007199254740993"}, /* a double would make it ...992 */
        {"1.0", "1.0"},
        {"1e2", "100.0"},
        {"0.1", "0.1"},
        {"1e300", "1e+300"},
        {"9223372036854775808", "9.223372036854776e+18"},
        {"-0", "0"},
        {"\"a\\u00e9\\ud83d\\ude00\\n\\/\\u001f\"", "\"a\xc3\xa9\xf0\x9f\x98\x80\\n/\\u001f\""},
        {"\"\\\\\\\"\"", "\"\\\\\\\"\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *value = NULL;
        cleanup(buf_done) struct buf buf = {0};
        struct err err = {0};
        if (parse(cases[i].text, &value, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_int_equal(json_write_canonical(value, &buf), 0);
        assert_string_equal(buf_str(&buf), cases[i].canonical);
    }
}

static void test_json__refuses_the_rest_with_line_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "line 1: the text ends too early"},
        {"\n\n ", "line 3: the text ends too early"},
        {"01", "line 1: not a value of JSON"},
        {"+1", "line 1: not a value of JSON"},
        {".5", "line 1: not a value of JSON"},
        {"1.", "line 1: not a value of JSON"},
        {"-", "line 1: not a value of JSON"},
        {"1e", "line 1: not a value of JSON"},
        {"NaN", "line 1: not a value of JSON"},
        {"'a'", "line 1: not a value of JSON"},
        {"True", "line 1: not a value of JSON"},
        {"1e999", "line 1: a number that is too large"},
        {"[1,]", "line 1: not a value of JSON"},
        {"[1 2]", "line 1: expected ',' or ']' in a list"},
        {"[1", "line 1: expected ',' or ']' in a list"},
        {"{\"a\":1,}", "line 1: expected a key in double quotes"},
        {"{\"a\" 1}", "line 1: expected ':' after a key"},
        {"{\"a\":1\n\"b\":2}", "line 2: expected ',' or '}' in an object"},
        {"{\"a\":1,\n\"a\":2}", "line 2: the key \"a\" comes twice"},
        {"{\"a\":1,\"\\u0061\":2}", "line 1: the key \"a\" comes twice"},
        {"{a:1}", "line 1: expected a key in double quotes"},
        {"{} x", "line 1: more text after the end of the document"},
        {"{}{}", "line 1: more text after the end of the document"},
        {"\"a", "line 1: a string that does not end"},
        {"\"a\\", "line 1: a string that does not end"},
        {"\"a\\\"", "line 1: a string that does not end"},
        {"\"a\tb\"", "line 1: a control character in a string: write it as an escape"},
        {"\"\\x\"", "line 1: an unknown escape in a string"},
        {"\"\\u0000\"", "line 1: a string may not hold a NUL (\\u0000)"},
        {"\"\\u12\"", "line 1: \\u must be followed by four hexadecimal digits"},
        {"\"\\ud800\"", "line 1: a high surrogate without a low one"},
        {"\"\\ud800\\u0041\"", "line 1: a high surrogate without a low one"},
        {"\"\\udc00\"", "line 1: a low surrogate without a high one"},
        {"\"\xff\"", "not UTF-8, or holds a NUL"},
        {"\"\xc0\x80\"", "not UTF-8, or holds a NUL"},
        {"\xef\xbb\xbf{}", "line 1: not a value of JSON"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct value *value = NULL;
        struct err err = {0};
        if (parse(cases[i].text, &value, &err) != -EINVAL)
            fail_msg("taken: %s", cases[i].text);
        assert_null(value);
        assert_string_equal(err.msg, cases[i].reason);
    }
    struct value *value = NULL;
    assert_int_equal(json_parse("\"a\0b\"", 5, &value, NULL), -EINVAL);
}

static void test_json__caps(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf = {0};
    struct err err = {0};
    struct value *value = NULL;
    for (int i = 0; i < DATA_MAX_DEPTH; i++)
        buf_addc(&buf, '[');
    for (int i = 0; i < DATA_MAX_DEPTH; i++)
        buf_addc(&buf, ']');
    assert_int_equal(json_parse(buf.data, buf.len, &value, &err), 0);
    value_free(steal(value));

    static const int deep[] = {DATA_MAX_DEPTH + 1, 100000};
    for (size_t n = 0; n < ARRAY_LEN(deep); n++) {
        buf_drop(&buf, buf.len);
        for (int i = 0; i < deep[n]; i++)
            buf_addc(&buf, '[');
        assert_int_equal(json_parse(buf.data, buf.len, &value, &err), -E2BIG);
        assert_string_equal(err.msg, "line 1: nested more than 64 deep");
    }

    buf_drop(&buf, buf.len);
    buf_addc(&buf, '[');
    for (int i = 0; i < DATA_MAX_NODES; i++)
        buf_addstr(&buf, "1,");
    buf_addstr(&buf, "1]");
    assert_int_equal(json_parse(buf.data, buf.len, &value, &err), -E2BIG);
    assert_string_equal(err.msg, "line 1: more than 200000 values");

    buf_drop(&buf, buf.len);
    while (buf.len <= DATA_MAX_BYTES)
        buf_addc(&buf, ' ');
    assert_int_equal(json_parse(buf.data, buf.len, &value, &err), -E2BIG);

    buf_drop(&buf, buf.len);
    for (int i = 0; i <= DATA_MAX_NUMBER; i++)
        buf_addc(&buf, '1');
    assert_int_equal(json_parse(buf.data, buf.len, &value, &err), -EINVAL);
    assert_null(value);
}

/* 60,000 keys set, replaced and taken: a quadratic map takes minutes and the test's time runs out.
 */
static void test_json__large_maps_are_not_quadratic(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf buf = {0};
    cleanup(value_free) struct value *value = NULL;
    buf_addc(&buf, '{');
    for (int i = 0; i < 60000; i++)
        buf_addf(&buf, "%s\"k%d\":null", i ? "," : "", i);
    buf_addc(&buf, '}');
    assert_int_equal(json_parse(buf.data, buf.len, &value, NULL), 0);
    char key[16];
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 60000; i++) {
            snprintf(key, sizeof(key), "k%d", i);
            value_set_int(value, key, i + round);
        }
    assert_int_equal(value_get_int(value, "k59999", 0), 60018);
    for (int i = 60000; i-- > 0;) {
        snprintf(key, sizeof(key), "k%d", i);
        value_del(value, key);
    }
    assert_int_equal(value_len(value), 0);
}

static void test_json__lines(void **state)
{
    (void)state;
    cleanup(value_free) struct value *value = NULL;
    assert_int_equal(parse("{\n\"a\":\n[1,\r\n2],\n\"b\": \"\\n\"\n}", &value, NULL), 0);
    assert_int_equal(value_line(value), 1);
    assert_int_equal(value_key_line_at(value, 0), 2);
    assert_int_equal(value_line(value_get(value, "a")), 3);
    assert_int_equal(value_line(value_at(value_get(value, "a"), 1)), 4);
    assert_int_equal(value_line(value_get(value, "b")), 5);
}

static void test_json__pretty(void **state)
{
    (void)state;
    cleanup(value_free) struct value *value = NULL;
    cleanup(buf_done) struct buf buf = {0};
    assert_int_equal(parse("{\"b\":[1,{}],\"a\":{\"x\":null}}", &value, NULL), 0);
    assert_int_equal(json_write_pretty(value, &buf), 0);
    assert_string_equal(buf_str(&buf), "{\n    \"b\": [\n        1,\n        {}\n    ],\n"
                                       "    \"a\": {\n        \"x\": null\n    }\n}\n");
    struct buf small;
    buf_init(&small, 10);
    assert_int_equal(json_write(value, &small), -E2BIG);
    buf_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__takes_what_rfc_8259_takes),
        cmocka_unit_test(test_json__refuses_the_rest_with_line_and_reason),
        cmocka_unit_test(test_json__caps),
        cmocka_unit_test(test_json__large_maps_are_not_quadratic),
        cmocka_unit_test(test_json__lines),
        cmocka_unit_test(test_json__pretty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
