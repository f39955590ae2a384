#include "agent/net/addresses.h"

#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void test_addresses__ranges(void **state)
{
    (void)state;
    static const struct {
        const char *cidr;
        int rc;
    } cases[] = {
        {"10.42.0.0/24", 0},        {"10.42.0.0/16", 0},         {"10.42.0.0/30", 0},
        {"10.42.0.0/31", -EINVAL},  {"10.42.0.0/15", -EINVAL},   {"10.42.0.1/24", -EINVAL},
        {"10.42.0.0", -EINVAL},     {"10.42.0/24", -EINVAL},     {"fd00::/64", -EINVAL},
        {"10.42.0.0/24x", -EINVAL}, {"10.42.0.256/24", -EINVAL}, {"", -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(addresses_free) struct addresses *a = NULL;
        struct err err = {0};
        int rc = addresses_new(cases[i].cidr, &a, &err);
        if (rc != cases[i].rc)
            fail_msg("%s: %d, want %d", cases[i].cidr, rc, cases[i].rc);
    }
}

static uint32_t take(struct addresses *a, const char *uid)
{
    uint32_t address = 0;
    struct err err = {0};
    assert_int_equal(addresses_take(a, uid, &address, &err), 0);
    return address;
}

static void test_addresses__same_pod_same_address(void **state)
{
    (void)state;
    cleanup(addresses_free) struct addresses *a = NULL;
    struct err err = {0};
    assert_int_equal(addresses_new("10.42.7.0/24", &a, &err), 0);
    char text[ADDRESS_TEXT];
    address_format(addresses_gateway(a), text);
    assert_string_equal(text, "10.42.7.1");
    uint32_t first = take(a, "a");
    address_format(first, text);
    assert_string_equal(text, "10.42.7.2");
    assert_int_equal(take(a, "a"), first);
    assert_int_not_equal(take(a, "b"), first);
}

/* A freed address is the last to be given out again. */
static void test_addresses__late_reuse(void **state)
{
    (void)state;
    cleanup(addresses_free) struct addresses *a = NULL;
    struct err err = {0};
    assert_int_equal(addresses_new("10.42.7.0/29", &a, &err), 0); /* .2 to .6 */
    uint32_t first = take(a, "a");
    addresses_drop(a, "a");
    for (int i = 0; i < 4; i++) {
        char uid[8];
        snprintf(uid, sizeof(uid), "p%d", i);
        assert_int_not_equal(take(a, uid), first);
    }
    assert_int_equal(take(a, "last"), first);
    uint32_t none = 0;
    assert_int_equal(addresses_take(a, "more", &none, &err), -ENOSPC);
    assert_non_null(strstr(err.msg, "all 5"));
}

static void test_addresses__claims(void **state)
{
    (void)state;
    cleanup(addresses_free) struct addresses *a = NULL;
    struct err err = {0};
    assert_int_equal(addresses_new("10.42.7.0/24", &a, &err), 0);
    const uint32_t base = (10u << 24) | (42u << 16) | (7u << 8);
    assert_int_equal(addresses_claim(a, "a", base + 9), 0);
    assert_int_equal(addresses_claim(a, "a", base + 9), 0);
    assert_int_equal(addresses_claim(a, "a", base + 10), -EEXIST);
    assert_int_equal(addresses_claim(a, "b", base + 9), -EEXIST);
    assert_int_equal(addresses_claim(a, "b", base), -ERANGE);
    assert_int_equal(addresses_claim(a, "b", base + 1), -ERANGE);   /* the gateway */
    assert_int_equal(addresses_claim(a, "b", base + 255), -ERANGE); /* broadcast */
    assert_int_equal(addresses_claim(a, "b", base - 1), -ERANGE);
    assert_int_equal(take(a, "a"), base + 9);
    for (int i = 0; i < 20; i++) {
        char uid[8];
        snprintf(uid, sizeof(uid), "p%d", i);
        assert_int_not_equal(take(a, uid), base + 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses__ranges),
        cmocka_unit_test(test_addresses__same_pod_same_address),
        cmocka_unit_test(test_addresses__late_reuse),
        cmocka_unit_test(test_addresses__claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
