#include "agent/runtime/caps.h"

#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_caps__names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int r;
        uint64_t mask;
    } cases[] = {
        {"CHOWN", 0, 1},
        {"CAP_CHOWN", 0, 1},
        {"cap_net_admin", 0, 1 << 12},
        {"SYS_ADMIN", 0, 1 << 21},
        {"", -EINVAL, 0},
        {"CAP_", -EINVAL, 0},
        {"0", -EINVAL, 0},
        {"CHOWNED", -EINVAL, 0},
        {"SYS_ADMIN ", -EINVAL, 0},
        {"A_NAME_THAT_IS_MUCH_LONGER_THAN_ANY_CAPABILITY", -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t mask = 0;
        assert_int_equal(caps_parse(cases[i].name, &mask), cases[i].r);
        assert_int_equal(mask, cases[i].mask);
    }
    uint64_t all = 0;
    assert_int_equal(caps_parse("ALL", &all), 0);
    assert_true(all == caps_all() && (all & caps_default()) == caps_default());
}

/* The set that every image has been built against. */
static void test_caps__default(void **state)
{
    (void)state;
    assert_true(caps_default() == UINT64_C(0xa80425fb));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps__names),
        cmocka_unit_test(test_caps__default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
