#include "common/base/clock.h"

#include "common/base/rng.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_clock__format(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        int digits;
        const char *text;
    } cases[] = {
        {0, 0, "1970-01-01T00:00:00Z"},
        {-1, 9, "1969-12-31T23:59:59.999999999Z"},
        {-1, 6, "1969-12-31T23:59:59.999999Z"},
        {INT64_C(1763687000123456789), 0, "2025-11-21T01:03:20Z"},
        {INT64_C(1763687000123456789), 6, "2025-11-21T01:03:20.123456Z"},
        {INT64_C(951782400000000001), 9, "2000-02-29T00:00:00.000000001Z"},
        {INT64_C(-2203891200000000000), 0, "1900-03-01T00:00:00Z"},
        {INT64_MAX, 9, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, 9, "1677-09-21T00:12:43.145224192Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[CLOCK_RFC3339_LEN];
        clock_format(cases[i].ns, cases[i].digits, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_clock__parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t01:30:00.5+01:30", NS_PER_S / 2},
        {"1969-12-31T19:00:00-05:00", 0},
        {"1970-01-01T00:00:00.123456789987z", 123456789},
        {"1970-01-01T23:59:60Z", 86400 * NS_PER_S},
        {"1970-01-02T05:29:60+05:30", 86400 * NS_PER_S},
        {"2000-02-29T00:00:00Z", INT64_C(951782400) * NS_PER_S},
        {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
        {"1677-09-21T00:12:43.145224192Z", INT64_MIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t ns = 1;
        assert_int_equal(clock_parse(good[i].text, &ns), 0);
        assert_true(ns == good[i].ns);
    }
    static const struct {
        const char *text;
        int r;
    } bad[] = {
        {"", -EINVAL},
        {"1970-01-01", -EINVAL},
        {"1970-01-01 00:00:00Z", -EINVAL},
        {"1970-01-01T00:00:00", -EINVAL},
        {"1970-01-01T00:00:00.Z", -EINVAL},
        {"1970-01-01T00:00:00Zx", -EINVAL},
        {"1970-01-01T00:00:00+1:00", -EINVAL},
        {"1970-01-01T00:00:00+24:00", -EINVAL},
        {"1970-01-01T00:00:00+00:60", -EINVAL},
        {"1970-1-01T00:00:00Z", -EINVAL},
        {"1970-00-01T00:00:00Z", -EINVAL},
        {"1970-13-01T00:00:00Z", -EINVAL},
        {"1970-04-31T00:00:00Z", -EINVAL},
        {"1970-01-00T00:00:00Z", -EINVAL},
        {"1900-02-29T00:00:00Z", -EINVAL},
        {"1970-01-01T24:00:00Z", -EINVAL},
        {"1970-01-01T00:60:00Z", -EINVAL},
        {"1970-01-01T00:00:61Z", -EINVAL},
        {"1970-01-01T12:00:60Z", -EINVAL},
        {"-970-01-01T00:00:00Z", -EINVAL},
        {"0001-01-01T00:00:00Z", -ERANGE},
        {"0000-01-01T00:00:00Z", -ERANGE},
        {"9999-12-31T23:59:59Z", -ERANGE},
        {"2262-04-11T23:47:16.854775808Z", -ERANGE},
        {"1677-09-21T00:12:43.145224191Z", -ERANGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ns = 42;
        assert_int_equal(clock_parse(bad[i].text, &ns), bad[i].r);
        assert_true(ns == 42);
    }
}

static void test_clock__agrees_with_libc(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        int64_t ns;
        rng_fill(&rng.rng, &ns, sizeof(ns));
        char text[CLOCK_RFC3339_LEN], want[80];
        clock_format(ns, 9, text);
        int64_t back;
        assert_int_equal(clock_parse(text, &back), 0);
        assert_true(back == ns);
        if (sizeof(time_t) < 8)
            continue;
        time_t seconds = (time_t)(ns / NS_PER_S - (ns % NS_PER_S < 0));
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
        clock_format(ns, 0, text);
        assert_string_equal(text, want);
    }
}

static void test_clock__system_goes_on(void **state)
{
    (void)state;
    const struct clock *clock = clock_system();
    int64_t first = clock_boot(clock), then = clock_boot(clock);
    assert_true(first > 0 && then >= first);
    assert_true(clock_wall(clock) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock__format),
        cmocka_unit_test(test_clock__parse),
        cmocka_unit_test(test_clock__agrees_with_libc),
        cmocka_unit_test(test_clock__system_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
