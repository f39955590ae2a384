#include "tools/cli/text.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void test_text__control_characters_are_harmless(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain \xc3\xa9\xe2\x82\xac", "plain \xc3\xa9\xe2\x82\xac"},
        {"a\tb\r\nc", "a b \nc"},
        {"\033[2Jx\007\177", "?[2Jx??"},
        {"\xc2\x9b"
         "31m",
         "??31m"}, /* CSI as one character */
        {"\xff\xc3", "??"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        buf_addstr(&text, "\033"); /* before `from`: ours */
        buf_addstr(&text, cases[i].in);
        text_clean(&text, 1);
        assert_string_equal(buf_str(&text) + 1, cases[i].out);
        assert_int_equal(buf_str(&text)[0], '\033');
    }
}

static void test_text__width_counts_characters(void **state)
{
    (void)state;
    assert_int_equal(text_width(""), 0);
    assert_int_equal(text_width("abc"), 3);
    assert_int_equal(text_width("\xc3\xa9\xe2\x82\xac"), 2);
}

static void test_text__colours_tell_states_apart(void **state)
{
    (void)state;
    assert_int_equal(text_colour_of("Running"), TEXT_GOOD);
    assert_int_equal(text_colour_of("Pending"), TEXT_WAITING);
    assert_int_equal(text_colour_of("Pulling:25%"), TEXT_WAITING);
    assert_int_equal(text_colour_of("CrashLoopBackOff"), TEXT_BAD);
    assert_int_equal(text_colour_of("NotReady"), TEXT_BAD);
    assert_int_equal(text_colour_of("<none>"), TEXT_PLAIN);
    assert_int_equal(text_colour_of(""), TEXT_PLAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__control_characters_are_harmless),
        cmocka_unit_test(test_text__width_counts_characters),
        cmocka_unit_test(test_text__colours_tell_states_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
