#include "controller/http/url.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_url__paths(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *path; /* NULL: refused */
    } cases[] = {
        {"/", "/"},
        {"/version", "/version"},
        {"/version/", "/version"},
        {"/api/v1/pods?watch=1", "/api/v1/pods"},
        {"/a%20b/c%C3%A9", "/a b/c\xc3\xa9"},
        {"/a+b", "/a+b"},
        {"", NULL},
        {"api", NULL},
        {"?x=y", NULL},
        {"http://host/api", NULL},
        {"//version", NULL},
        {"/api//v1", NULL},
        {"/api/../version", NULL},
        {"/api/%2e%2e/version", NULL},
        {"/api/%2E", NULL},
        {"/api/.", NULL},
        {"/api/a%2fb", NULL},
        {"/api/a%2Fb", NULL},
        {"/a%00b", NULL},
        {"/a%0", NULL},
        {"/a%", NULL},
        {"/a%zz", NULL},
        {"/a%ff", NULL},
        {"/a\xff", NULL},
        {"/%c0%ae%c0%ae/x", NULL},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url url;
        struct err err = {0};
        print_message("%s\n", cases[i].target);
        int r = url_parse(cases[i].target, &url, &err);
        assert_int_equal(r == 0, cases[i].path != NULL);
        if (r == 0) {
            autofree char *path = url_path(&url);
            assert_string_equal(path, cases[i].path);
        } else {
            assert_true(*err.msg);
        }
        url_done(&url);
    }
}

static void test_url__queries(void **state)
{
    (void)state;
    struct url url;
    struct err err = {0};
    assert_int_equal(url_parse("/p?a=1&b=x%3Dy%26z+w&&c&a=2&d=&e=f=g", &url, &err), 0);
    assert_string_equal(url_param(&url, "a"), "1");
    assert_string_equal(url_param(&url, "b"), "x=y&z w");
    assert_string_equal(url_param(&url, "c"), "");
    assert_string_equal(url_param(&url, "d"), "");
    assert_string_equal(url_param(&url, "e"), "f=g");
    assert_null(url_param(&url, "f"));
    url_done(&url);
    assert_int_equal(url_parse("/p?a=%00", &url, &err), -EINVAL);
    assert_int_equal(url_parse("/p?a=%f", &url, &err), -EINVAL);
    assert_int_equal(url_parse("/p?%ff=1", &url, &err), -EINVAL);
}

static void test_url__too_many_parameters(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    struct url url;
    struct err err = {0};
    buf_addstr(&text, "/p?");
    for (int i = 0; i < URL_MAX_PARAMS; i++)
        buf_addstr(&text, "a=b&");
    assert_int_equal(url_parse(buf_str(&text), &url, &err), 0);
    url_done(&url);
    buf_addstr(&text, "a=b");
    assert_int_equal(url_parse(buf_str(&text), &url, &err), -E2BIG);
}

static void test_url__typed_parameters(void **state)
{
    (void)state;
    struct url url;
    struct err err = {0};
    bool yes;
    int64_t number;
    assert_int_equal(
        url_parse("/p?t=true&T=True&one=1&e=&f=false&bad=maybe&n=17&neg=-1&x=1x", &url, &err), 0);
    assert_int_equal(url_param_bool(&url, "t", false, &yes, &err), 0);
    assert_true(yes);
    assert_int_equal(url_param_bool(&url, "T", false, &yes, &err), 0);
    assert_true(yes);
    assert_int_equal(url_param_bool(&url, "one", false, &yes, &err), 0);
    assert_true(yes);
    assert_int_equal(url_param_bool(&url, "f", true, &yes, &err), 0);
    assert_false(yes);
    assert_int_equal(url_param_bool(&url, "none", true, &yes, &err), 0);
    assert_true(yes);
    assert_int_equal(url_param_bool(&url, "bad", true, &yes, &err), -EINVAL);
    assert_int_equal(url_param_int(&url, "n", -1, &number, &err), 0);
    assert_int_equal(number, 17);
    assert_int_equal(url_param_int(&url, "none", -1, &number, &err), 0);
    assert_int_equal(number, -1);
    assert_int_equal(url_param_int(&url, "neg", 0, &number, &err), -EINVAL);
    assert_int_equal(url_param_int(&url, "x", 0, &number, &err), -EINVAL);
    url_done(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url__paths),
        cmocka_unit_test(test_url__queries),
        cmocka_unit_test(test_url__too_many_parameters),
        cmocka_unit_test(test_url__typed_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
