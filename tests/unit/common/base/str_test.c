#include "common/base/str.h"

#include "common/base/buf.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_str__affixes(void **state)
{
    (void)state;
    assert_true(str_has_prefix("limpet", "lim"));
    assert_true(str_has_prefix("limpet", ""));
    assert_false(str_has_prefix("li", "lim"));
    assert_true(str_has_suffix("web.yaml", ".yaml"));
    assert_false(str_has_suffix("yaml", ".yaml"));
    assert_true(str_has_suffix("", ""));
    assert_true(str_eq(NULL, NULL));
    assert_false(str_eq(NULL, ""));
    assert_true(str_empty(NULL) && str_empty("") && !str_empty("a"));
}

static void test_str__numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int unsigned_r;
        uint64_t u;
        int signed_r;
        int64_t i;
    } cases[] = {
        {"0", 0, 0, 0, 0},
        {"007", 0, 7, 0, 7},
        {"18446744073709551615", 0, UINT64_MAX, -ERANGE, 0},
        {"18446744073709551616", -ERANGE, 0, -ERANGE, 0},
        {"99999999999999999999x", -EINVAL, 0, -EINVAL, 0},
        {"9223372036854775807", 0, INT64_MAX, 0, INT64_MAX},
        {"9223372036854775808", 0, UINT64_C(9223372036854775808), -ERANGE, 0},
        {"-9223372036854775808", -EINVAL, 0, 0, INT64_MIN},
        {"-9223372036854775809", -EINVAL, 0, -ERANGE, 0},
        {"-0", -EINVAL, 0, 0, 0},
        {"", -EINVAL, 0, -EINVAL, 0},
        {"-", -EINVAL, 0, -EINVAL, 0},
        {"--1", -EINVAL, 0, -EINVAL, 0},
        {"+1", -EINVAL, 0, -EINVAL, 0},
        {" 1", -EINVAL, 0, -EINVAL, 0},
        {"1 ", -EINVAL, 0, -EINVAL, 0},
        {"0x10", -EINVAL, 0, -EINVAL, 0},
        {"1e3", -EINVAL, 0, -EINVAL, 0},
        {NULL, -EINVAL, 0, -EINVAL, 0},
    };
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        uint64_t u = 0;
        int64_t i = 0;
        assert_int_equal(str_to_u64(cases[n].text, &u), cases[n].unsigned_r);
        assert_true(u == cases[n].u);
        assert_int_equal(str_to_i64(cases[n].text, &i), cases[n].signed_r);
        assert_true(i == cases[n].i);
    }
}

static void test_str__utf8_without_nul(void **state)
{
    (void)state;
    assert_true(str_is_utf8("", 0));
    assert_true(str_is_utf8("na\xc3\xafve", 6));
    assert_false(str_is_utf8("a\0b", 3));
    assert_false(str_is_utf8("\xc3", 1));
    assert_false(str_is_utf8("ok\xff", 3));
}

static int add_piece(void *ctx, const char *piece, size_t len)
{
    if (len == 4 && memcmp(piece, "stop", 4) == 0)
        return 5;
    return buf_addf(ctx, "[%.*s]", (int)len, piece);
}

static void test_str__split(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pieces;
        int r;
    } cases[] = {
        {"a/b", "[a][b]", 0},       {"", "[]", 0},          {"/", "[][]", 0},
        {"a//b/", "[a][][b][]", 0}, {"a/stop/b", "[a]", 5},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 0);
        assert_int_equal(str_split(cases[i].text, '/', add_piece, &buf), cases[i].r);
        assert_string_equal(buf_str(&buf), cases[i].pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str__affixes),
        cmocka_unit_test(test_str__numbers),
        cmocka_unit_test(test_str__utf8_without_nul),
        cmocka_unit_test(test_str__split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
