#include "tests/sim/fake/clock_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_clock_fake__moves_only_by_hand(void **state)
{
    (void)state;
    struct clock_fake fake;
    clock_fake_init(&fake, 5, 1000);
    assert_true(clock_boot(&fake.clock) == 5 && clock_wall(&fake.clock) == 1000);
    clock_fake_advance(&fake, 10);
    assert_true(clock_boot(&fake.clock) == 15 && clock_wall(&fake.clock) == 1010);
    clock_fake_set_wall(&fake, 3);
    assert_true(clock_boot(&fake.clock) == 15 && clock_wall(&fake.clock) == 3);
    clock_fake_reboot(&fake, 0);
    assert_true(clock_boot(&fake.clock) == 0 && clock_wall(&fake.clock) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_fake__moves_only_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
