#include "common/base/str.h"
#include "common/data/value.h"
#include "common/schema/quantity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_quantity__canonical_form_and_value(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
        int64_t milli, units;
    } cases[] = {
        {"0", "0", 0, 0},
        {"-0", "0", 0, 0},
        {"0Mi", "0", 0, 0},
        {"1", "1", 1000, 1},
        {"+1", "1", 1000, 1},
        {"250m", "250m", 250, 1},
        {"0.25", "250m", 250, 1},
        {"0.5", "500m", 500, 1},
        {".5", "500m", 500, 1},
        {"1.", "1", 1000, 1},
        {"1000m", "1", 1000, 1},
        {"1500m", "1500m", 1500, 2},
        {"-1500m", "-1500m", -1500, -1},
        {"-0.5", "-500m", -500, 0},
        {"1000", "1k", 1000000, 1000},
        {"1200", "1200", 1200000, 1200},
        {"1k", "1k", 1000000, 1000},
        {"1e3", "1e3", 1000000, 1000},
        {"1E3", "1e3", 1000000, 1000},
        {"12e-1", "1200e-3", 1200, 2},
        {"5e0", "5", 5000, 5},
        {"1Ki", "1Ki", 1024000, 1024},
        {"0.5Mi", "512Ki", 524288000, 524288},
        {"1.5Gi", "1536Mi", INT64_C(1610612736000), INT64_C(1610612736)},
        {"1024Mi", "1Gi", INT64_C(1073741824000), INT64_C(1073741824)},
        {"0.1Ki", "102400m", 102400, 103},
        {"512", "512", 512000, 512},
        {"64Mi", "64Mi", INT64_C(67108864000), 67108864},
        {"128974848", "128974848", INT64_C(128974848000), 128974848},
        {"123Mi", "123Mi", INT64_C(128974848000), 128974848},
        {"1n", "1n", 1, 1},
        {"1u", "1u", 1, 1},
        {"0.1n", "1n", 1, 1}, /* finer than a nano-unit: rounded up */
        {"1e-30", "1e-9", 1, 1},
        {"0.9999999999", "1", 1000, 1},
        {"7Ei", "7Ei", INT64_MAX, INT64_C(8070450532247928832)},
        {"9223372036854775807", "9223372036854775807", INT64_MAX, INT64_MAX},
        {"0.0000000000000000001Ei", "115292151n", 116, 1},
        {"1000000000000000000000000n", "1P", INT64_C(1000000000000000000),
         INT64_C(1000000000000000)},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quantity quantity, again;
        char text[64];
        if (quantity_parse(cases[i].text, &quantity) < 0)
            fail_msg("%s refused", cases[i].text);
        quantity_format(&quantity, text);
        if (strcmp(text, cases[i].canonical) != 0)
            fail_msg("%s: %s, not %s", cases[i].text, text, cases[i].canonical);
        if (quantity_milli(&quantity) != cases[i].milli ||
            quantity_units(&quantity) != cases[i].units)
            fail_msg("%s: %lld milli, %lld", cases[i].text, (long long)quantity_milli(&quantity),
                     (long long)quantity_units(&quantity));
        assert_int_equal(quantity_parse(text, &again), 0);
        assert_true(again.units == quantity.units && again.nano == quantity.nano);
    }
}

static void test_quantity__refuses(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",      "-",
        ".",     "m",
        "Mi",    "1 ",
        " 1",    "1 Mi",
        "1mi",   "1KI",
        "1K",    "1x",
        "1e",    "1e+",
        "1e1.5", "1.2.3",
        "--1",   "0x10",
        "1,5",   "1kk",
        "1e3Mi", "inf",
        "NaN",   "1Zi",
        "1ei",   "11111111111111111111111111111111111111111111111111111111111111111",
    };
    static const char *const large[] = {
        "9223372036854775808",  "8Ei", "1e19", "1e999999999999", "99999999999999999999",
        "-9223372036854775809", "10E"};
    struct quantity quantity;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (quantity_parse(wrong[i], &quantity) != -EINVAL)
            fail_msg("%s taken", wrong[i]);
    for (size_t i = 0; i < ARRAY_LEN(large); i++)
        if (quantity_parse(large[i], &quantity) != -ERANGE)
            fail_msg("%s: not a range error", large[i]);
}

static void test_quantity__of_a_value(void **state)
{
    (void)state;
    cleanup(value_free) struct value *i = value_new_int(2);
    cleanup(value_free) struct value *f = value_new_float(0.1);
    cleanup(value_free) struct value *s = value_new_str("1Ki");
    cleanup(value_free) struct value *b = value_new_bool(true);
    assert_int_equal(quantity_milli_of(i, -1), 2000);
    assert_int_equal(quantity_milli_of(f, -1), 100);
    assert_int_equal(quantity_units_of(s, -1), 1024);
    assert_int_equal(quantity_units_of(b, -1), -1);
    assert_int_equal(quantity_units_of(NULL, -1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantity__canonical_form_and_value),
        cmocka_unit_test(test_quantity__refuses),
        cmocka_unit_test(test_quantity__of_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
