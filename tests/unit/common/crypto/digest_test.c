#include "test.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"

/* FIPS 180-2 appendix B, and the empty string. */
static void test_digest__sha256(void **state)
{
    (void)state;
    static const struct {
        const char *data, *want;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hex[SHA256_HEX + 1];
        sha256_hex(cases[i].data, strlen(cases[i].data), hex);
        assert_string_equal(hex, cases[i].want);
        struct sha256_ctx *ctx = sha256_new();
        for (const char *p = cases[i].data; *p; p++)
            sha256_add(ctx, p, 1);
        sha256_add(ctx, NULL, 0);
        uint8_t digest[SHA256_LEN];
        sha256_end(ctx, digest);
        hex_encode(digest, sizeof(digest), hex);
        assert_string_equal(hex, cases[i].want);
    }
}

/* RFC 4231, cases 2 and 6 (a key longer than a block), and an empty key. */
static void test_digest__hmac(void **state)
{
    (void)state;
    char hex[SHA256_HEX + 1];
    uint8_t mac[SHA256_LEN], long_key[131];
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(long_key, 0xaa, sizeof(long_key));
    hmac_sha256(long_key, sizeof(long_key),
                "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256(NULL, 0, NULL, 0, mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_digest__equal_and_wipe(void **state)
{
    (void)state;
    char a[4] = "abc", b[4] = "abd";
    assert_true(crypto_equal(a, a, 4));
    assert_false(crypto_equal(a, b, 4));
    assert_true(crypto_equal(a, b, 2));
    assert_true(crypto_equal(a, b, 0));
    crypto_wipe(a, sizeof(a));
    assert_memory_equal(a, "\0\0\0\0", 4);
    crypto_wipe(NULL, 0);
}

/* FIPS 180-2 appendix A, and the empty string. */
static void test_digest__sha1(void **state)
{
    (void)state;
    uint8_t digest[SHA1_LEN];
    char hex[2 * SHA1_LEN + 1];
    sha1("abc", 3, digest);
    hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha1(NULL, 0, digest);
    hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest__sha256),
        cmocka_unit_test(test_digest__hmac),
        cmocka_unit_test(test_digest__equal_and_wipe),
        cmocka_unit_test(test_digest__sha1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
