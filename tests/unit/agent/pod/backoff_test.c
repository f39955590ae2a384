#include "agent/pod/backoff.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_backoff__doubles_to_the_most(void **state)
{
    (void)state;
    const struct backoff_policy policy = {10 * NS_PER_S, 300 * NS_PER_S};
    struct backoff backoff = {0};
    static const int seconds[] = {10, 20, 40, 80, 160, 300, 300};
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
        assert_int_equal(backoff_failed(&backoff, &policy), seconds[i] * NS_PER_S);
    for (int i = 0; i < 100000; i++) /* nothing overflows */
        assert_int_equal(backoff_failed(&backoff, &policy), 300 * NS_PER_S);
    backoff_reset(&backoff);
    assert_int_equal(backoff_failed(&backoff, &policy), 10 * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_backoff__doubles_to_the_most)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
