#include "common/program/duration.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void test_duration__units_add_up(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"90", 90 * NS_PER_S},
        {"90s", 90 * NS_PER_S},
        {"5m", 300 * NS_PER_S},
        {"1h30m", 5400 * NS_PER_S},
        {"2d", 2 * 86400 * NS_PER_S},
        {"500ms", 500 * NS_PER_MS},
        {"1d2h3m4s5ms", (86400 + 7200 + 180 + 4) * NS_PER_S + 5 * NS_PER_MS},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ns = -1;
        assert_int_equal(duration_parse(cases[i].text, &ns), 0);
        assert_int_equal(ns, cases[i].ns);
    }
}

static void test_duration__nonsense_is_refused(void **state)
{
    static const char *const cases[] = {"",     "s",    "-5s",   "5x", "5 s", "1m1h", "1s1s", "5s3",
                                        "1.5h", "0x10", "5mins", "5S", " 5",  "+5",   "1h30"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ns = 7;
        assert_int_equal(duration_parse(cases[i], &ns), -EINVAL);
        assert_int_equal(ns, 7);
    }
}

static void test_duration__too_long_is_told(void **state)
{
    static const char *const cases[] = {"9223372036854775808", "106752d", "106751d24h",
                                        "99999999999999999999999s"};
    int64_t ns;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(duration_parse(cases[i], &ns), -ERANGE);
    assert_int_equal(duration_parse("106751d", &ns), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration__units_add_up),
        cmocka_unit_test(test_duration__nonsense_is_refused),
        cmocka_unit_test(test_duration__too_long_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
