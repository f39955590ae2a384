#include "agent/limpetd/image_gc.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_image_gc__due(void **state)
{
    (void)state;
    static const struct {
        int64_t high, max_age_s;
        int used;
        int64_t now_s, last_s;
        enum image_gc_due due;
    } cases[] = {
        {85, 0, 84, 10, 0, IMAGE_GC_NOTHING},   {85, 0, 85, 10, 0, IMAGE_GC_DISK},
        {100, 0, 100, 10, 0, IMAGE_GC_NOTHING}, /* never by that */
        {85, 0, -1, 10, 0, IMAGE_GC_NOTHING},   /* unknown */
        {85, 60, 10, 10, 0, IMAGE_GC_AGE},      {85, 60, 10, 3609, 10, IMAGE_GC_NOTHING},
        {85, 60, 10, 3610, 10, IMAGE_GC_AGE},   {85, 60, 90, 10, 0, IMAGE_GC_DISK},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct config config = {.image_gc_high = cases[i].high,
                                      .image_max_age_s = cases[i].max_age_s};
        assert_int_equal(image_gc_due(&config, cases[i].used, cases[i].now_s * NS_PER_S,
                                      cases[i].last_s * NS_PER_S),
                         cases[i].due);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_image_gc__due)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
