#include "common/base/mem.h"
#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/schema/pattern.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PLENTY 100000000

static int found(const char *text, const char *subject)
{
    cleanup(pattern_free) struct pattern *pattern = NULL;
    struct err err = {0};
    uint64_t cost = 0;
    int r = pattern_new(text, &pattern, &err);
    if (r != 0)
        fail_msg("%s: %s", text, err.msg);
    return pattern_match(pattern, subject, PLENTY, &cost);
}

/* What Go's regexp.MatchString says. */
static void test_pattern__match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *yes[4], *no[4];
    } cases[] = {
        {"", {"", "x"}, {NULL}},
        {"b", {"abc"}, {"", "ac"}},
        {"^a.c$", {"abc", "a\303\244c"}, {"ac", "abbc", "a\nc"}},
        {"^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$",
         {"* * * * */5", "1 2 3 4 5"},
         {"* * * *", "a * * * *", ""}},
        {"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", {"a", "a-b", "0"}, {"", "-", "a-", "A"}},
        {"^a{2,3}$", {"aa", "aaa"}, {"a", "aaaa"}},
        {"^a{2}$", {"aa"}, {"a", "aaa"}},
        {"^a{2,}$", {"aa", "aaaaa"}, {"a"}},
        {"^a{,2}$", {"a{,2}"}, {"aa"}},
        {"^a{0}b$", {"b"}, {"ab"}},
        {"^(a|bc|d)+?$", {"abcd", "d"}, {"", "ac"}},
        {"^(?:a*)*$", {"", "aaa"}, {"b"}},
        {"(?i)^HeLLo$", {"hello", "HELLO"}, {"hell0"}},
        {"^(?i:A)b$", {"ab", "Ab"}, {"aB"}},
        {"(?s)^a.b$", {"a\nb"}, {"ab"}},
        {"(?m)^b$", {"a\nb\nc"}, {"ab"}},
        {"^b$", {"b"}, {"a\nb"}},
        {"\\bfoo\\b", {"a foo b", "foo"}, {"afoo", "foob"}},
        {"\\Bo", {"foo"}, {"o"}},
        {"^[^/]+$", {"a", "\342\202\254"}, {"", "a/b"}},
        {"^[]a]$", {"]", "a"}, {"b"}},
        {"^[^]a]$", {"b"}, {"]", "a"}},
        {"^[a-]$", {"a", "-"}, {"b"}},
        {"^[\\w.-]+$", {"a_B.9-"}, {" "}},
        {"^[^\\d]$", {"a", "\303\244"}, {"1"}},
        {"^[\\D]$", {"a", "\303\244"}, {"1"}},
        {"^[[:alpha:]_]+$", {"aZ_"}, {"a1"}},
        {"^[[:^digit:]]$", {"a"}, {"1"}},
        {"^[\303\244-\303\274]$", {"\303\266"}, {"a", "\303\277"}},
        {"^\\x41\\x{42}\\.$", {"AB."}, {"ABx"}},
        {"^\\Qa.b*\\E$", {"a.b*"}, {"axb"}},
        {"^(?P<year>\\d{4})-(?<m>\\d\\d)$", {"2026-01"}, {"26-01"}},
        {"\\Aa\\z", {"a"}, {"ba", "a\n"}},
        {"^(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?$", {"", "1y", "2w3d"}, {"1", "3d2w"}},
        {"a|", {"", "b"}, {NULL}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t j = 0; j < 4 && cases[i].yes[j]; j++)
            if (found(cases[i].pattern, cases[i].yes[j]) != 1)
                fail_msg("%s does not match \"%s\"", cases[i].pattern, cases[i].yes[j]);
        for (size_t j = 0; j < 4 && cases[i].no[j]; j++)
            if (found(cases[i].pattern, cases[i].no[j]) != 0)
                fail_msg("%s matches \"%s\"", cases[i].pattern, cases[i].no[j]);
    }
}

static void test_pattern__wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *message;
    } cases[] = {
        {"(", -EINVAL, "missing closing ): `(`"},
        {"a)", -EINVAL, "unexpected ): `a)`"},
        {"[a", -EINVAL, "missing closing ]: `[a`"},
        {"[b-a]", -EINVAL, "invalid character class range: `b-a`"},
        {"[[:nix:]]", -EINVAL, "invalid character class range: `[:nix:]`"},
        {"*a", -EINVAL, "missing argument to repetition operator: `*`"},
        {"a**", -EINVAL, "invalid nested repetition operator: `**`"},
        {"a{1001}", -EINVAL, "invalid repeat count: `{1001}`"},
        {"a{99999999999999999999}", -EINVAL, "invalid repeat count: `{99999999999999999999}`"},
        {"a{2,1}", -EINVAL, "invalid repeat count: `{2,1}`"},
        {"(?=a)", -EINVAL, "invalid or unsupported Perl syntax: `(?=`"},
        {"(?<=a)", -EINVAL, "invalid or unsupported Perl syntax: `(?<`"},
        {"(?!a)", -EINVAL, "invalid or unsupported Perl syntax: `(?!`"},
        {"(a)\\1", -EINVAL, "invalid escape sequence: `\\1`"},
        {"\\", -EINVAL, "trailing backslash at end of expression: ``"},
        {"\\x4", -EINVAL, "invalid escape sequence: `\\x4`"},
        {"\\x{110000}", -EINVAL, "invalid escape sequence: `\\x{110000}`"},
        {"(?i", -EINVAL, "missing closing ): `(?i`"},
        {"(?P<>a)", -EINVAL, "invalid named capture: `(?P<>a)`"},
        {"\\pL", -ENOTSUP, "classes by Unicode's properties are not known here: `\\p`"},
        {"((a{1000}){1000}){1000}", -E2BIG, "expression is too large"},
        {"(((((((){1000}){1000}){1000}){1000}){1000}){1000})", -E2BIG, "expression is too large"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pattern *pattern = NULL;
        struct err err = {0};
        assert_int_equal(pattern_new(cases[i].text, &pattern, &err), cases[i].code);
        assert_null(pattern);
        assert_true(str_has_prefix(err.msg, "error parsing regexp: "));
        assert_string_equal(err.msg + strlen("error parsing regexp: "), cases[i].message);
    }
}

static char *repeated(const char *what, size_t times, const char *end)
{
    struct buf text = {0};
    for (size_t i = 0; i < times; i++)
        buf_addstr(&text, what);
    buf_addstr(&text, end);
    return buf_steal(&text, NULL);
}

static void test_pattern__limits(void **state)
{
    (void)state;
    struct pattern *pattern = NULL;
    struct err err = {0};
    autofree char *deep = repeated("(", PATTERN_MAX_DEPTH + 1, "");
    autofree char *endless = repeated("a", PATTERN_MAX_TEXT + 1, "");
    autofree char *either = repeated("a|", PATTERN_MAX_TEXT / 2, "");
    assert_int_equal(pattern_new(deep, &pattern, &err), -E2BIG);
    assert_int_equal(pattern_new(endless, &pattern, &err), -E2BIG);
    assert_int_equal(found(either, "b"), 1);
}

/* What takes an engine that goes back ages: here it is as long as the text. */
static void test_pattern__hostile(void **state)
{
    (void)state;
    static const char *const hostile[] = {"^(a+)+$", "^(a|a)*$", "^(a*)*b$", "^(.*a){20}$",
                                          "^(a?){500}a{500}$"};
    autofree char *text = repeated("a", 3000, "!");
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        cleanup(pattern_free) struct pattern *pattern = NULL;
        struct err err = {0};
        uint64_t cost = 0;
        assert_int_equal(pattern_new(hostile[i], &pattern, &err), 0);
        assert_int_equal(pattern_match(pattern, text, PLENTY, &cost), 0);
        assert_true(cost < strlen(text) * 4 * PATTERN_MAX_STEPS);
        uint64_t little = 0;
        assert_int_equal(pattern_match(pattern, text, 5000, &little), -E2BIG);
        assert_true(little < 5000 + 4 * PATTERN_MAX_STEPS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern__match),
        cmocka_unit_test(test_pattern__wrong),
        cmocka_unit_test(test_pattern__limits),
        cmocka_unit_test(test_pattern__hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
