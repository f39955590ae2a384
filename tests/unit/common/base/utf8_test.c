#include "common/base/utf8.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_utf8__sequences(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, want;
    } cases[] = {
        {"a", 1, 1},
        {"\x7f", 1, 1},
        {"\x80", 1, 0},
        {"\xc0\x80", 2, 0}, /* overlong NUL */
        {"\xc1\xbf", 2, 0},
        {"\xc2\x80", 2, 2},
        {"\xc2\x7f", 2, 0},
        {"\xdf\xbf", 2, 2},
        {"\xdf", 1, 0},
        {"\xe0\x9f\xbf", 3, 0}, /* overlong */
        {"\xe0\xa0\x80", 3, 3},
        {"\xe2\x82", 2, 0},
        {"\xe2\x82\xac", 3, 3},
        {"\xed\x9f\xbf", 3, 3},
        {"\xed\xa0\x80", 3, 0}, /* surrogate */
        {"\xef\xbf\xbf", 3, 3},
        {"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xf4\x90\x80\x80", 4, 0}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xf0\x9f\x90\x41", 4, 0},
        {"\xff", 1, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_seq(cases[i].bytes, cases[i].len), cases[i].want);
}

static void test_utf8__cut(void **state)
{
    (void)state;
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
    for (size_t max = 0; max < ARRAY_LEN(want); max++)
        assert_int_equal(utf8_cut("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8c", max), want[max]);
    assert_int_equal(utf8_cut("\x80\x80\x80\x80", 4), 4); /* not UTF-8: anywhere */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__sequences),
        cmocka_unit_test(test_utf8__cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
