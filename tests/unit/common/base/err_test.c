#include "common/base/err.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_err__set_returns_code_and_message(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, -EINVAL, "line %d", 14), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err.msg, "line 14");
    assert_int_equal(err_set(NULL, -ENOENT, "nobody listens"), -ENOENT);
}

static void test_err__code_is_never_success(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, 0, "x"), -EIO);
    assert_int_equal(err_set(&err, EACCES, "x"), -EACCES);
    assert_int_equal(err_errno(&err, 0, "x"), -EIO);
}

static void test_err__errno_says_why(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_errno(&err, ENOENT, "cannot read %s", "/a"), -ENOENT);
    assert_string_equal(err.msg, "cannot read /a: No such file or directory");
    assert_int_equal(err_errno(&err, -ENOENT, "b"), -ENOENT); /* either sign */
    assert_string_equal(err.msg, "b: No such file or directory");
}

static void test_err__wrap_puts_context_before(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set(&err, -EBADMSG, "digest mismatch");
    assert_int_equal(err_wrap(&err, "layer %d/%d", 3, 5), -EBADMSG);
    assert_int_equal(err_wrap(&err, "pod default/web"), -EBADMSG);
    assert_string_equal(err.msg, "pod default/web: layer 3/5: digest mismatch");
    assert_int_equal(err_wrap(NULL, "x"), -EIO);
}

static void test_err__arguments_may_be_the_message(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set(&err, -EIO, "inner");
    (void)err_set(&err, -EIO, "outer (%s)", err.msg);
    assert_string_equal(err.msg, "outer (inner)");
}

static void test_err__cut_on_a_character(void **state)
{
    (void)state;
    /* 254 bytes and then a character of n bytes: it fits only with n = 1. */
    static const struct {
        const char *tail;
        size_t len;
    } cases[] = {{"ab", 255}, {"\xc3\xa9", 254}, {"\xe2\x82\xac", 254}, {"\xf0\x9f\x90\x8c", 254}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[300];
        memset(text, 'x', 254);
        strcpy(text + 254, cases[i].tail);
        struct err err = {0};
        (void)err_set(&err, -EIO, "%s", text);
        assert_int_equal(strlen(err.msg), cases[i].len);
        assert_memory_equal(err.msg, text, cases[i].len);
    }
}

static void test_err__long_wraps_stay_terminated(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set(&err, -EIO, "%01500d", 1);
    for (int i = 0; i < 10; i++)
        (void)err_wrap(&err, "%0400d", i);
    assert_int_equal(strlen(err.msg), 255);
    assert_int_equal(err.code, -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err__set_returns_code_and_message),
        cmocka_unit_test(test_err__code_is_never_success),
        cmocka_unit_test(test_err__errno_says_why),
        cmocka_unit_test(test_err__wrap_puts_context_before),
        cmocka_unit_test(test_err__arguments_may_be_the_message),
        cmocka_unit_test(test_err__cut_on_a_character),
        cmocka_unit_test(test_err__long_wraps_stay_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
