#include "common/base/rng.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_rng__a_seed_means_the_same_everywhere(void **state)
{
    (void)state;
    struct rng_seeded a, b, c;
    rng_seeded_init(&a, 42);
    rng_seeded_init(&b, 42);
    rng_seeded_init(&c, 43);
    uint8_t x[100], y[100], z[100];
    rng_fill(&a.rng, x, sizeof(x));
    rng_fill(&b.rng, y, sizeof(y));
    rng_fill(&c.rng, z, sizeof(z));
    assert_memory_equal(x, y, sizeof(x));
    assert_memory_not_equal(x, z, sizeof(x));
    /* xoshiro256** seeded by splitmix64(42), little-endian */
    static const uint8_t first[] = {0x16, 0xc7, 0x2e, 0x0c, 0x2e, 0x0b, 0x78, 0x15};
    assert_memory_equal(x, first, sizeof(first));
}

static void test_rng__below_reaches_all_and_no_more(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    unsigned seen[6] = {0};
    for (int i = 0; i < 6000; i++) {
        uint64_t value = rng_below(&rng.rng, 6);
        assert_true(value < 6);
        seen[value]++;
    }
    for (int i = 0; i < 6; i++)
        assert_true(seen[i] > 800 && seen[i] < 1200);
    assert_true(rng_below(&rng.rng, 1) == 0);
    assert_true(rng_below(&rng.rng, UINT64_MAX) < UINT64_MAX);
}

/* Fills with what it is told, so that the rejection can be seen. */
struct rng_told {
    struct rng rng;
    int calls;
};

static void fill_told(struct rng *rng, void *data, size_t len)
{
    struct rng_told *told = (struct rng_told *)rng;
    memset(data, told->calls++ < 2 ? 0xff : 0, len);
}

static void test_rng__below_rejects_the_uneven_rest(void **state)
{
    (void)state;
    struct rng_told told = {.rng.fill = fill_told};
    assert_true(rng_below(&told.rng, 3) == 0);
    assert_int_equal(told.calls, 3);
}

static void test_rng__uuid(void **state)
{
    (void)state;
    char a[37], b[37];
    for (int i = 0; i < 100; i++) {
        rng_uuid(rng_system(), a);
        rng_uuid(rng_system(), b);
        assert_string_not_equal(a, b);
        assert_int_equal(strlen(a), 36);
        assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
        assert_true(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rng__a_seed_means_the_same_everywhere),
        cmocka_unit_test(test_rng__below_reaches_all_and_no_more),
        cmocka_unit_test(test_rng__below_rejects_the_uneven_rest),
        cmocka_unit_test(test_rng__uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
