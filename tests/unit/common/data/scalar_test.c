#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/scalar.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_scalar__resolve(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"", "null"},
        {"~", "null"},
        {"null", "null"},
        {"nULL", "\"nULL\""},
        {"true", "true"},
        {"Yes", "true"},
        {"on", "true"},
        {"OFF", "false"},
        {"y", "\"y\""},
        {"0", "0"},
        {"-0", "0"},
        {"42", "42"},
        {"+42", "42"},
        {"-42", "-42"},
        {"0x1F", "31"},
        {"-0x10", "-16"},
        {"0o17", "15"},
        {"017", "15"},
        {"0b101", "5"},
        {"089", "89.0"}, /* not octal: the float grammar takes it */
        {"1_000", "1000"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9223372036854775808", "9.223372036854776e+18"},
        {"1.5", "1.5"},
        {".5", "0.5"},
        {"1.", "1.0"},
        {"1e3", "1000.0"},
        {"-1.5e-3", "-0.0015"},
        {"1e", "\"1e\""},
        {"--1", "\"--1\""},
        {"- 1", "\"- 1\""},
        {"-", "\"-\""},
        {".", "\".\""},
        {"0x", "\"0x\""},
        {"0x-1", "\"0x-1\""},
        {"1.2.3", "\"1.2.3\""},
        {"12:30", "\"12:30\""},
        {"2001-01-01", "\"2001-01-01\""},
        {"100m", "\"100m\""},
        {"0xg", "\"0xg\""},
        {"inf", "\"inf\""},
        {"nan", "\"nan\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *value = scalar_resolve(cases[i].text);
        cleanup(buf_done) struct buf buf = {0};
        assert_non_null(value);
        json_write(value, &buf);
        if (strcmp(buf_str(&buf), cases[i].json) != 0)
            fail_msg("%s: %s, not %s", cases[i].text, buf_str(&buf), cases[i].json);
    }
    assert_null(scalar_resolve(".inf"));
    assert_null(scalar_resolve("-.Inf"));
    assert_null(scalar_resolve(".NaN"));
    assert_null(scalar_resolve("1e999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scalar__resolve)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
