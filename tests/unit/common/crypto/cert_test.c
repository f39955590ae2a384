#include "test.h"

#include "common/base/str.h"
#include "common/crypto/cert.h"

#include "fixtures.h"

#include <errno.h>

enum { FROM = 1600000000, NOW = 1700000000, TO = 1800000000 };

struct fixture {
    struct key *ca_key, *key;
    struct buf ca, leaf;
};

static const char *const orgs[] = {"system:masters", "ops", NULL};
static const char *const dns[] = {"gateway", "limpet.local", NULL};
static const char *const ips[] = {"192.0.2.1", "2001:db8::1", NULL};

static const struct cert_spec ca_spec = {
    .common_name = "Limpet CA", .not_before_s = FROM, .not_after_s = TO, .ca = true};
static const struct cert_spec leaf_spec = {.common_name = "admin",
                                           .organizations = orgs,
                                           .dns = dns,
                                           .ips = ips,
                                           .not_before_s = FROM,
                                           .not_after_s = TO,
                                           .server = true,
                                           .client = true};

static int setup(void **state)
{
    static struct fixture fx;
    *state = &fx;
    struct err err = {0};
    int r = key_generate(&fx.ca_key, &err);
    if (r == 0)
        r = key_generate(&fx.key, &err);
    if (r == 0)
        r = cert_issue(&ca_spec, fx.ca_key, NULL, fx.ca_key, &fx.ca, &err);
    if (r == 0)
        r = cert_issue(&leaf_spec, fx.key, fx.ca.data, fx.ca_key, &fx.leaf, &err);
    if (r)
        print_error("%s\n", err.msg);
    return r;
}

static int teardown(void **state)
{
    struct fixture *fx = *state;
    key_free(fx->ca_key);
    key_free(fx->key);
    buf_done(&fx->ca);
    buf_done(&fx->leaf);
    return 0;
}

static void test_cert__issue_and_parse(void **state)
{
    struct fixture *fx = *state;
    struct cert_info info = {0}, again = {0};
    struct err err = {0};
    if (cert_parse(fx->leaf.data, fx->leaf.len, &info, &err))
        fail_msg("%s", err.msg);
    char id[SHA256_HEX + 1];
    assert_int_equal(key_id(fx->key, id, NULL), 0);
    assert_string_equal(info.key_id, id);
    assert_string_equal(info.common_name, "admin");
    assert_string_equal(info.organizations[0], "system:masters");
    assert_string_equal(info.organizations[1], "ops");
    assert_null(info.organizations[2]);
    assert_int_equal(info.not_before_s, FROM);
    assert_int_equal(info.not_after_s, TO);
    assert_int_equal(strlen(info.serial), 32);
    cleanup(buf_done) struct buf pem = {0};
    assert_int_equal(cert_issue(&leaf_spec, fx->key, fx->ca.data, fx->ca_key, &pem, NULL), 0);
    assert_int_equal(cert_parse(pem.data, pem.len, &again, NULL), 0);
    assert_string_not_equal(info.serial, again.serial);
    cert_info_done(&info);
    cert_info_done(&again);
    cert_info_done(&again);
}

static void test_cert__public_key(void **state)
{
    struct fixture *fx = *state;
    struct err err = {0};
    cleanup(key_free) struct key *key = NULL;
    assert_int_equal(cert_public_key(fx->leaf.data, fx->leaf.len, &key, &err), 0);
    char want[SHA256_HEX + 1], got[SHA256_HEX + 1];
    assert_int_equal(key_id(fx->key, want, &err), 0);
    assert_int_equal(key_id(key, got, &err), 0);
    assert_string_equal(got, want);
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, 0);
    assert_true(key_write_private(key, &pem, &err) < 0);
    assert_true(cert_public_key("no certificate", 14, &key, &err) < 0);
}

static void test_cert__parse_made_elsewhere(void **state)
{
    (void)state;
    struct cert_info info = {0};
    assert_int_equal(cert_parse(leaf_pem, strlen(leaf_pem), &info, NULL), 0);
    assert_string_equal(info.common_name, "admin");
    assert_string_equal(info.organizations[0], "system:masters");
    assert_string_equal(info.organizations[1], "ops");
    assert_string_equal(info.serial, "0badcafe");
    assert_string_equal(info.key_id, rfc6979_id);
    assert_int_equal(info.not_before_s, 1709168523);
    assert_int_equal(info.not_after_s, 1893456000);
    cert_info_done(&info);
}

static void test_cert__parse_refused(void **state)
{
    struct fixture *fx = *state;
    struct cert_info info = {.serial = "untouched"};
    struct err err = {0};
    assert_int_equal(cert_parse(two_names_pem, strlen(two_names_pem), &info, &err), -EINVAL);
    assert_string_equal(err.msg, "certificate: the subject has more than one common name");
    assert_int_equal(cert_parse("x", 1, &info, &err), -EINVAL);
    assert_int_equal(cert_parse(fx->leaf.data, fx->leaf.len / 2, &info, &err), -EINVAL);
    cleanup(buf_done) struct buf list = {0};
    assert_int_equal(buf_addf(&list,
                              "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                              leaf_pem),
                     0);
    assert_int_equal(cert_parse(list.data, list.len, &info, &err), -EINVAL);
    assert_string_equal(info.serial, "untouched");
}

static void test_cert__verify(void **state)
{
    struct fixture *fx = *state;
    const struct {
        const char *name, *pem, *ca;
        int64_t now;
        int want;
        const char *says;
    } cases[] = {
        {"good", fx->leaf.data, fx->ca.data, NOW, 0, ""},
        {"first second", fx->leaf.data, fx->ca.data, FROM, 0, ""},
        {"last second", fx->leaf.data, fx->ca.data, TO, 0, ""},
        {"too early", fx->leaf.data, fx->ca.data, FROM - 1, -EKEYREJECTED, "not valid yet"},
        {"clock at 1970", fx->leaf.data, fx->ca.data, 0, -EKEYREJECTED, "not valid yet"},
        {"expired", fx->leaf.data, fx->ca.data, TO + 1, -EKEYREJECTED, "expired"},
        {"dates ignored", fx->leaf.data, fx->ca.data, -1, 0, ""},
        {"another authority", fx->leaf.data, ca_pem, NOW, -EKEYREJECTED, "not signed by"},
        {"another, dates ignored", fx->leaf.data, ca_pem, -1, -EKEYREJECTED, "not signed by"},
        {"made elsewhere", leaf_pem, ca_pem, 1800000000, 0, ""},
        {"made elsewhere, expired", leaf_pem, ca_pem, 1893456001, -EKEYREJECTED, "expired"},
        {"leaf as authority", fx->leaf.data, leaf_pem, NOW, -EKEYREJECTED, "not signed by"},
        {"no authority", fx->leaf.data, "", NOW, -EINVAL, "authority's certificate: not PEM"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        int r = cert_verify(cases[i].pem, strlen(cases[i].pem), cases[i].ca, strlen(cases[i].ca),
                            cases[i].now, &err);
        if (r != cases[i].want || !strstr(err.msg, cases[i].says))
            fail_msg("%s: %d \"%s\"", cases[i].name, r, err.msg);
    }
}

/* A successor authority signed by the root; one below it is too deep. */
static void test_cert__chain(void **state)
{
    struct fixture *fx = *state;
    cleanup(key_free) struct key *next_key = NULL, *third_key = NULL;
    cleanup(buf_done) struct buf next = {0}, third = {0}, leaf = {0}, deep = {0};
    struct cert_spec spec = ca_spec;
    struct err err = {0};
    assert_int_equal(key_generate(&next_key, NULL), 0);
    assert_int_equal(key_generate(&third_key, NULL), 0);
    spec.common_name = "Limpet CA 2";
    assert_int_equal(cert_issue(&spec, next_key, fx->ca.data, fx->ca_key, &next, NULL), 0);
    spec.common_name = "Limpet CA 3";
    assert_int_equal(cert_issue(&spec, third_key, next.data, next_key, &third, NULL), 0);
    assert_int_equal(cert_issue(&leaf_spec, fx->key, next.data, next_key, &leaf, NULL), 0);
    assert_int_equal(cert_issue(&leaf_spec, fx->key, third.data, third_key, &deep, NULL), 0);
    assert_int_equal(cert_verify(leaf.data, leaf.len, fx->ca.data, fx->ca.len, NOW, NULL),
                     -EKEYREJECTED);
    assert_int_equal(buf_addstr(&leaf, next.data), 0);
    if (cert_verify(leaf.data, leaf.len, fx->ca.data, fx->ca.len, NOW, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(buf_addstr(&deep, third.data), 0);
    assert_int_equal(buf_addstr(&deep, next.data), 0);
    assert_int_equal(cert_verify(deep.data, deep.len, fx->ca.data, fx->ca.len, NOW, NULL),
                     -EKEYREJECTED);
}

static void test_cert__issue_refused(void **state)
{
    struct fixture *fx = *state;
    static const char *const bad_org[] = {"a,b", NULL}, *const bad_dns[] = {"a b", NULL},
                             *const bad_ip[] = {"1.2.3", NULL};
    const struct cert_spec good = {
        .common_name = "a", .not_before_s = FROM, .not_after_s = TO, .client = true};
    struct cert_spec specs[8];
    static const char *const says[] = {"common name", "common name", "organization", "DNS name",
                                       "IP address",  "before",      "1970",         "1970"};
    for (size_t i = 0; i < ARRAY_LEN(specs); i++)
        specs[i] = good;
    specs[0].common_name = "a,CN=b";
    specs[1].common_name = NULL;
    specs[2].organizations = bad_org;
    specs[3].dns = bad_dns;
    specs[4].ips = bad_ip;
    specs[5].not_after_s = FROM - 1;
    specs[6].not_before_s = -1;
    specs[7].not_after_s = INT64_MAX;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        cleanup(buf_done) struct buf pem = {0};
        struct err err = {0};
        int r = cert_issue(&specs[i], fx->key, fx->ca.data, fx->ca_key, &pem, &err);
        if (r >= 0 || pem.len || !strstr(err.msg, says[i]))
            fail_msg("%zu: %d \"%s\"", i, r, err.msg);
    }
}

static void test_cert__issuer_refused(void **state)
{
    struct fixture *fx = *state;
    const struct {
        const struct key *subject;
        const char *issuer;
        const struct key *issuer_key;
        const char *says;
    } cases[] = {
        {fx->key, fx->ca.data, fx->key, "does not belong"},
        {fx->key, fx->leaf.data, fx->key, "not an authority"},
        {fx->key, NULL, fx->ca_key, "self-signed"},
        {fx->key, "x", fx->ca_key, "not PEM"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf pem = {0};
        struct err err = {0};
        int r = cert_issue(&leaf_spec, cases[i].subject, cases[i].issuer, cases[i].issuer_key, &pem,
                           &err);
        if (r != -EINVAL || !strstr(err.msg, cases[i].says))
            fail_msg("%zu: %d \"%s\"", i, r, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cert__issue_and_parse),
        cmocka_unit_test(test_cert__public_key),
        cmocka_unit_test(test_cert__parse_made_elsewhere),
        cmocka_unit_test(test_cert__parse_refused),
        cmocka_unit_test(test_cert__verify),
        cmocka_unit_test(test_cert__chain),
        cmocka_unit_test(test_cert__issue_refused),
        cmocka_unit_test(test_cert__issuer_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
