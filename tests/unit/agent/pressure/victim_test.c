#include "agent/pressure/victim.h"

#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_victim__order(void **state)
{
    (void)state;
    static const struct {
        struct candidate list[3];
        size_t want;
    } cases[] = {
        /* Above what it asked for, whatever its priority. */
        {{{0, 10, 20}, {100, 30, 20}, {0, 20, 20}}, 1},
        /* Among those the lower priority. */
        {{{5, 1000, 20}, {1, 30, 20}, {9, 9000, 0}}, 1},
        /* At the same priority who is further above. */
        {{{0, 100, 90}, {0, 30, 0}, {0, 200, 195}}, 1},
        /* All within what they asked for. */
        {{{1, 10, 20}, {0, 10, 90}, {0, 10, 30}}, 2},
        /* What is not known is never above. */
        {{{0, -1, 0}, {7, 1, 0}, {0, -1, 0}}, 1},
        {{{0, -1, 0}, {0, -1, 0}, {-1, -1, 0}}, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t got = 9;
        assert_int_equal(victim_choose(cases[i].list, 3, &got), 0);
        assert_int_equal(got, cases[i].want);
    }
    size_t got;
    assert_int_equal(victim_choose(NULL, 0, &got), -ENOENT);
}

/* A disk that somebody else has filled is no reason to end pods that hold next to nothing. */
static void test_victim__helps(void **state)
{
    (void)state;
    static const struct {
        struct candidate candidate;
        int64_t threshold;
        bool helps;
    } cases[] = {
        {{0, 1000, 0}, 100000, true},  {{0, 999, 0}, 100000, false}, {{0, 9000, 9000}, 1000, false},
        {{0, 9001, 9000}, 1000, true}, {{0, -1, 0}, 1000, false},    {{0, 0, 0}, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(victim_helps(&cases[i].candidate, cases[i].threshold), cases[i].helps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_victim__order),
        cmocka_unit_test(test_victim__helps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
