#include "controller/link/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct bucket_rate rate = {.burst = 5, .interval_ns = 100};

static int take_all(struct bucket *bucket, int64_t now)
{
    int taken = 0;
    while (taken < 100 && bucket_take(bucket, &rate, now))
        taken++;
    return taken;
}

static void test_bucket__a_burst_and_then_one_each(void **state)
{
    (void)state;
    static const struct {
        int64_t now;
        int taken;
    } steps[] = {{3, 5}, {3, 0}, {102, 0}, {103, 1}, {150, 0}, {203, 1}, {550, 3}, {9000, 5}};
    struct bucket bucket = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        assert_int_equal(take_all(&bucket, steps[i].now), steps[i].taken);
}

/* Over a long time no more comes out than goes in, however it is asked. */
static void test_bucket__holds_its_rate(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    int taken = 0;
    for (int64_t now = 0; now < 100000; now += 7)
        taken += bucket_take(&bucket, &rate, now);
    assert_in_range(taken, 1000, 1000 + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket__a_burst_and_then_one_each),
        cmocka_unit_test(test_bucket__holds_its_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
