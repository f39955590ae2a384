#include "controller/custom/string_format.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_string_format__fits(void **state)
{
    (void)state;
    static const struct {
        const char *format, *yes[3], *no[4];
    } cases[] = {
        {"date-time", {"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+01:00"}, {"2026-01-31", "x"}},
        {"date", {"2026-01-31"}, {"2026-13-31", "2026-01-31T12:00:00Z", ""}},
        {"ipv4", {"1.2.3.4"}, {"1.2.3", "::1"}},
        {"ipv6", {"::1"}, {"1.2.3.4"}},
        {"cidr", {"10.0.0.0/8", "fd00::/8"}, {"10.0.0.0", "10.0.0.0/33"}},
        {"byte", {"aGk=", ""}, {"a"}},
        {"hostname", {"a.example.com", "A.example.com"}, {"a_b", "-a", ""}},
        {"uuid", {"123e4567-e89b-12d3-a456-426614174000"}, {"123e4567", ""}},
        {"mac", {"01:23:45:67:89:ab", "0123.4567.89ab"}, {"01:23:45", "01:23:45:67:89:ag"}},
        {"uri", {"https://example.com/a?b", "/a", "urn:x"}, {"", "a b", "x"}},
        {"email", {"a@b"}, {"a", "@b", "a@"}},
        {"duration", {"1h30m", "-1.5s", "0"}, {"", "1", "h", "1x"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(string_format_is_known(cases[i].format));
        for (size_t j = 0; j < 3 && cases[i].yes[j]; j++)
            if (!string_format_fits(cases[i].format, cases[i].yes[j]))
                fail_msg("\"%s\" is %s", cases[i].yes[j], cases[i].format);
        for (size_t j = 0; j < 4 && cases[i].no[j]; j++)
            if (string_format_fits(cases[i].format, cases[i].no[j]))
                fail_msg("\"%s\" is no %s", cases[i].no[j], cases[i].format);
    }
    assert_false(string_format_is_known("password"));
    assert_false(string_format_is_known(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_string_format__fits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
