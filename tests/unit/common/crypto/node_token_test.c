#include "common/crypto/node_token.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000)

struct party {
    struct key *key;
    struct buf pem;
};

static void make(struct party *party, const char *name, const struct party *issuer)
{
    static const char *const nodes[] = {"system:nodes", NULL};
    struct err err = {0};
    const struct cert_spec spec = {.common_name = name,
                                   .organizations = nodes,
                                   .not_before_s = NOW - 1000,
                                   .not_after_s = NOW + 100000,
                                   .ca = !issuer,
                                   .client = issuer != NULL};
    assert_int_equal(key_generate(&party->key, &err), 0);
    assert_int_equal(cert_issue(&spec, party->key, issuer ? issuer->pem.data : NULL,
                                issuer ? issuer->key : party->key, &party->pem, &err),
                     0);
}

static void done(struct party *party)
{
    key_free(party->key);
    buf_done(&party->pem);
}

static void test_node_token__shows_who_it_is(void **state)
{
    struct party ca = {0}, other_ca = {0}, node = {0}, thief = {0};
    cleanup(buf_done) struct buf good = {0}, stolen = {0}, foreign = {0};
    struct err err = {0};
    struct cert_info info = {0};
    (void)state;
    make(&ca, "ca", NULL);
    make(&other_ca, "ca", NULL);
    make(&node, "pi-01.12345678", &ca);
    make(&thief, "pi-02.12345678", &ca);
    assert_int_equal(node_token_write("images", NOW, node.key, node.pem.data, &good, &err), 0);
    assert_true(node_token_is(good.data));
    assert_true(good.len < NODE_TOKEN_MAX);
    assert_int_equal(node_token_read(good.data, "images", NOW, ca.pem.data, &info, &err), 0);
    assert_string_equal(info.common_name, "pi-01.12345678");
    assert_string_equal(info.organizations[0], "system:nodes");
    cert_info_done(&info);
    /* A certificate is public: who has it alone signs nothing. */
    assert_int_equal(node_token_write("images", NOW, thief.key, node.pem.data, &stolen, &err), 0);
    assert_true(node_token_read(stolen.data, "images", NOW, ca.pem.data, &info, &err) < 0);
    assert_int_equal(node_token_write("images", NOW, node.key, node.pem.data, &foreign, &err), 0);
    assert_true(node_token_read(foreign.data, "images", NOW, other_ca.pem.data, &info, &err) < 0);
    assert_true(node_token_read(good.data, "pods", NOW, ca.pem.data, &info, &err) < 0);
    static const int64_t times[] = {-NODE_TOKEN_LEEWAY_S - 1, NODE_TOKEN_LEEWAY_S + 1, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        assert_true(node_token_read(good.data, "images", NOW + times[i], ca.pem.data, &info, &err) <
                    0);
    /* Nor does it stay good with a time of one's own. */
    char *at = strstr(good.data, "1700000000");
    at[9] = '1';
    assert_true(node_token_read(good.data, "images", NOW, ca.pem.data, &info, &err) < 0);
    done(&ca);
    done(&other_ca);
    done(&node);
    done(&thief);
}

static void test_node_token__nonsense(void **state)
{
    static const char *const cases[] = {
        "",
        "x",
        "limpet-node.",
        "limpet-node.images",
        "limpet-node.images.1700000000",
        "limpet-node.images.1700000000.",
        "limpet-node.images.1700000000..",
        "limpet-node.images.1700000000.AA==.AA==",
        "limpet-node.images.1700000000.AA==.AA==.AA==",
        "limpet-node.images.x.AA==.AA==",
        "limpet-node.images.1700000000.!.!",
    };
    struct cert_info info = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        print_message("%s\n", cases[i]);
        assert_true(node_token_read(cases[i], "images", NOW, "", &info, &err) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node_token__shows_who_it_is),
        cmocka_unit_test(test_node_token__nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
