#include "common/base/str.h"
#include "common/schema/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_near__distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},           {"abc", "abc", 0}, {"abc", "ABC", 0},
        {"abc", "abd", 1},     {"abc", "acb", 1}, {"comand", "command", 1},
        {"abc", "", 3},        {"", "abc", 3},    {"kitten", "sitting", 3},
        {"image", "imgae", 1}, {"ab", "xyzw", 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (near_distance(cases[i].a, cases[i].b, 10) != cases[i].distance)
            fail_msg("%s, %s: %zu", cases[i].a, cases[i].b,
                     near_distance(cases[i].a, cases[i].b, 10));
    assert_int_equal(near_distance("abcdef", "", 2), 3);
}

static void test_near__picks_the_nearest_or_none(void **state)
{
    (void)state;
    static const char *const names[] = {"image", "imagePullPolicy", "args", "command"};
    static const struct {
        const char *wanted, *best;
    } cases[] = {
        {"imagePullpolicy", "imagePullPolicy"},
        {"imgae", "image"},
        {"images", "image"},
        {"cmd", NULL},
        {"arg", "args"},
        {"x", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct near near = {.wanted = cases[i].wanted};
        for (size_t n = 0; n < ARRAY_LEN(names); n++)
            near_try(&near, names[n]);
        if (!str_eq(near.best, cases[i].best))
            fail_msg("%s: %s", cases[i].wanted, near.best ? near.best : "none");
    }
}

static void test_near__long_names(void **state)
{
    (void)state;
    char a[300], b[300];
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    a[299] = b[299] = '\0';
    assert_int_equal(near_distance(a, b, 100), 64);
    struct near near = {.wanted = a};
    near_try(&near, b);
    assert_null(near.best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near__distance),
        cmocka_unit_test(test_near__picks_the_nearest_or_none),
        cmocka_unit_test(test_near__long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
