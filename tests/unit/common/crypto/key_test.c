#include "test.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include "fixtures.h"

#include <errno.h>

static struct key *private_key(const char *pem)
{
    struct key *key = NULL;
    struct err err = {0};
    if (key_parse_private(pem, strlen(pem), &key, &err))
        fail_msg("%s", err.msg);
    return key;
}

static struct key *public_key(const char *pem)
{
    struct key *key = NULL;
    struct err err = {0};
    if (key_parse_public(pem, strlen(pem), &key, &err))
        fail_msg("%s", err.msg);
    return key;
}

/* RFC 6979 appendix A.2.5, SHA-256, message "sample". */
static void test_key__signature_is_deterministic(void **state)
{
    (void)state;
    cleanup(key_free) struct key *key = private_key(rfc6979_pkcs8);
    uint8_t sig[SIGNATURE_MAX];
    size_t len = 0;
    struct err err = {0};
    assert_int_equal(key_sign(key, "sample", 6, sig, &len, &err), 0);
    char hex[2 * SIGNATURE_MAX + 1];
    hex_encode(sig, len, hex);
    assert_string_equal(hex,
                        "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                        "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
}

static void test_key__verify(void **state)
{
    (void)state;
    cleanup(key_free) struct key *key = private_key(rfc6979_sec1);
    cleanup(key_free) struct key *public = public_key(rfc6979_public);
    cleanup(key_free) struct key *other = NULL;
    struct err err = {0};
    assert_int_equal(key_generate(&other, &err), 0);
    uint8_t sig[SIGNATURE_MAX + 1];
    size_t len = 0;
    assert_int_equal(key_sign(key, "data", 4, sig, &len, &err), 0);
    assert_int_equal(key_verify(public, "data", 4, sig, len, &err), 0);
    assert_int_equal(key_verify(key, "data", 4, sig, len, NULL), 0);
    assert_int_equal(key_verify(public, "Data", 4, sig, len, &err), -EBADMSG);
    assert_int_equal(key_verify(public, "data", 3, sig, len, &err), -EBADMSG);
    assert_int_equal(key_verify(other, "data", 4, sig, len, &err), -EBADMSG);
    assert_int_equal(key_verify(public, "data", 4, sig, len - 1, &err), -EBADMSG);
    assert_int_equal(key_verify(public, "data", 4, sig, 0, &err), -EBADMSG);
    sig[len] = 0; /* bytes after the signature */
    assert_int_equal(key_verify(public, "data", 4, sig, len + 1, &err), -EBADMSG);
    for (size_t i = 0; i < len; i++) {
        sig[i] ^= 0x40;
        assert_int_equal(key_verify(public, "data", 4, sig, len, &err), -EBADMSG);
        sig[i] ^= 0x40;
    }
}

static void test_key__public_cannot_sign(void **state)
{
    (void)state;
    cleanup(key_free) struct key *public = public_key(rfc6979_public);
    cleanup(buf_done) struct buf buf = {0};
    uint8_t sig[SIGNATURE_MAX];
    size_t len = 7;
    struct err err = {0};
    assert_int_equal(key_sign(public, "x", 1, sig, &len, &err), -EINVAL);
    assert_int_equal(len, 7);
    assert_int_equal(key_write_private(public, &buf, &err), -EINVAL);
    assert_int_equal(buf.len, 0);
}

static void test_key__ids_and_texts(void **state)
{
    (void)state;
    cleanup(key_free) struct key *sec1 = private_key(rfc6979_sec1);
    cleanup(key_free) struct key *pkcs8 = private_key(rfc6979_pkcs8);
    cleanup(key_free) struct key *public = public_key(rfc6979_public);
    const struct key *keys[] = {sec1, pkcs8, public};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char id[SHA256_HEX + 1];
        cleanup(buf_done) struct buf buf = {0};
        assert_int_equal(key_id(keys[i], id, NULL), 0);
        assert_string_equal(id, rfc6979_id);
        assert_int_equal(key_write_public(keys[i], &buf, NULL), 0);
        assert_string_equal(buf_str(&buf), rfc6979_public);
    }
    cleanup(buf_done) struct buf buf = {0};
    assert_int_equal(key_write_private(pkcs8, &buf, NULL), 0);
    assert_string_equal(buf_str(&buf), rfc6979_sec1);
    cleanup(buf_done) struct buf small = {.max = 20};
    assert_int_equal(key_write_private(pkcs8, &small, NULL), -E2BIG);
}

static void test_key__generated_round_trip(void **state)
{
    (void)state;
    cleanup(key_free) struct key *a = NULL, *b = NULL, *again = NULL;
    char id_a[SHA256_HEX + 1], id_b[SHA256_HEX + 1], id_again[SHA256_HEX + 1];
    cleanup(buf_done) struct buf buf = {0};
    assert_int_equal(key_generate(&a, NULL), 0);
    assert_int_equal(key_generate(&b, NULL), 0);
    assert_int_equal(key_write_private(a, &buf, NULL), 0);
    again = private_key(buf_str(&buf));
    assert_int_equal(key_id(a, id_a, NULL), 0);
    assert_int_equal(key_id(b, id_b, NULL), 0);
    assert_int_equal(key_id(again, id_again, NULL), 0);
    assert_string_equal(id_a, id_again);
    assert_string_not_equal(id_a, id_b);
}

static void test_key__refused(void **state)
{
    (void)state;
    static const char long_text[70000] = "-----BEGIN";
    static const struct {
        const char *name, *pem;
        size_t len; /* 0: strlen */
        bool private;
        int want;
        const char *says;
    } cases[] = {
        {"empty", "", 0, true, -EINVAL, "not PEM"},
        {"text", "hello", 0, true, -EINVAL, "not PEM"},
        {"nul", rfc6979_sec1, sizeof(rfc6979_sec1), true, -EINVAL, "not PEM"},
        {"cut", rfc6979_sec1, sizeof(rfc6979_sec1) - 40, true, -EINVAL, "cannot be read"},
        {"long", long_text, sizeof(long_text), true, -E2BIG, "longer"},
        {"encrypted", rfc6979_encrypted, 0, true, -EINVAL, "password"},
        {"P-384", p384_private, 0, true, -EINVAL, "P-256"},
        {"another's point", wrong_point, 0, true, -EINVAL, "not valid"},
        {"public as private", rfc6979_public, 0, true, -EINVAL, "private key"},
        {"private as public", rfc6979_sec1, 0, false, -EINVAL, "public key"},
        {"certificate as public", ca_pem, 0, false, -EINVAL, "public key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key *key = NULL;
        struct err err = {0};
        size_t len = cases[i].len ? cases[i].len : strlen(cases[i].pem);
        int r = cases[i].private ? key_parse_private(cases[i].pem, len, &key, &err)
                                 : key_parse_public(cases[i].pem, len, &key, &err);
        if (r != cases[i].want || err.code != r || key || !strstr(err.msg, cases[i].says))
            fail_msg("%s: %d \"%s\"", cases[i].name, r, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key__signature_is_deterministic),
        cmocka_unit_test(test_key__verify),
        cmocka_unit_test(test_key__public_cannot_sign),
        cmocka_unit_test(test_key__ids_and_texts),
        cmocka_unit_test(test_key__generated_round_trip),
        cmocka_unit_test(test_key__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
