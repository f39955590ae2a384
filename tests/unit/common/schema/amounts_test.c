#include "common/schema/amounts.h"

#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &value, &diags), 0);
    return value;
}

static void assert_amounts(const struct amounts *amounts, const char *want)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    amounts_print(amounts, &text);
    assert_string_equal(buf_str(&text), want);
}

static struct quantity quantity(const char *text)
{
    struct quantity ret;
    assert_int_equal(quantity_parse(text, &ret), 0);
    return ret;
}

static void test_amounts__sums(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int times;
        const char *sum;
    } cases[] = {
        {"1", "1", 1, "n=2"},
        {"100m", "950m", 1, "n=1050m"},
        {"1", "100m", -1, "n=900m"},
        {"100m", "1", -1, "n=-900m"},
        {"64Mi", "64Mi", 1, "n=128Mi"},
        {"0", "1Gi", 1, "n=1Gi"},
        {"1Gi", "1Gi", -1, "n=0"},
        {"9E", "9E", 1, "n=9223372036854775807"},
        {"900m", "100m", 1, "n=1"},
        {"-9E", "9E", -1, "n=-9223372036854775808"},
        {"0", "500m", -1, "n=-500m"},
        {"-500m", "500m", 1, "n=0"},
        {"-1", "-9E", -1, "n=8999999999999999999"},
        {"9223372036854775807", "900m", 1, "n=9223372036854775807900m"},
        {"9223372036854775807100m", "900m", 1, "n=9223372036854775807"},
        {"9223372036854775806900m", "200m", 1, "n=9223372036854775807100m"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(amounts_done) struct amounts amounts = {0};
        struct quantity a = quantity(cases[i].a), b = quantity(cases[i].b);
        amounts_add(&amounts, "n", &a, 1);
        amounts_add(&amounts, "n", &b, cases[i].times);
        assert_amounts(&amounts, cases[i].sum);
    }
}

static void test_amounts__lists(void **state)
{
    (void)state;
    cleanup(amounts_done) struct amounts amounts = {0}, most = {0};
    cleanup(value_free) struct value *one = parse("{memory: 1Gi, cpu: 500m, odd: [1]}");
    cleanup(value_free) struct value *two = parse("{cpu: 1, example.com/gpu: 2}");
    amounts_add_list(&amounts, one);
    amounts_add_list(&amounts, two);
    assert_amounts(&amounts, "cpu=1500m,example.com/gpu=2,memory=1Gi");
    amounts_raise_list(&most, one);
    amounts_raise_list(&most, two);
    assert_amounts(&most, "cpu=1,example.com/gpu=2,memory=1Gi");
    amounts_raise_all(&most, &amounts);
    amounts_add_all(&most, &amounts, -1);
    assert_amounts(&most, "cpu=0,example.com/gpu=0,memory=0");
    assert_null(amounts_get(&most, "pods"));
}

/* As schedulers and nodes count: cpu in thousandths, rounded up. */
static void test_amounts__counts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *amount;
        int64_t count;
    } cases[] = {
        {"cpu", "1", 1000},       {"cpu", "1500u", 2},      {"memory", "1Ki", 1024},
        {"memory", "500m", 1},    {"a.b/card", "3", 3},     {"cpu", "-1", 0},
        {"memory", "-500m", 0},   {"cpu", "9E", INT64_MAX}, {"pods", "110", 110},
        {"requests.cpu", "2", 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(amounts_done) struct amounts amounts = {0};
        cleanup(value_free) struct value *list = value_new_map();
        struct quantity amount = quantity(cases[i].amount);
        value_set_str(list, cases[i].name, cases[i].amount);
        amounts_set(&amounts, cases[i].name, &amount);
        assert_int_equal(amounts_count(&amounts, cases[i].name), cases[i].count);
        assert_int_equal(amounts_count(&amounts, "other"), 0);
        assert_int_equal(amounts_count_in(list, cases[i].name, 7), cases[i].count);
        assert_int_equal(amounts_count_in(list, "other", 7), 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts__sums),
        cmocka_unit_test(test_amounts__lists),
        cmocka_unit_test(test_amounts__counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
