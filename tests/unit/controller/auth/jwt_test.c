#include "controller/auth/jwt.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/unit/controller/lib/documents.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct key *new_key(void)
{
    struct key *key = NULL;
    struct err err = {0};
    assert_int_equal(key_generate(&key, &err), 0);
    return key;
}

static char *join(const char *header, const char *claims, const char *signature)
{
    autofree char *a = base64url_encode(header, strlen(header));
    autofree char *b = base64url_encode(claims, strlen(claims));
    return xasprintf("%s.%s.%s", a, b, signature);
}

#define SIG86                                                                                      \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void test_jwt__round(void **state)
{
    (void)state;
    cleanup(key_free) struct key *key = new_key(), *other = new_key();
    cleanup(value_free) struct value *claims = document("{iss: me, aud: [a, b], exp: 100}");
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    struct jwt jwt;
    assert_int_equal(jwt_write(claims, key, "k1", &text, &err), 0);
    assert_int_equal(jwt_parse(text.data, text.len, &jwt, &err), 0);
    assert_true(value_equal(jwt.claims, claims));
    assert_string_equal(jwt.kid, "k1");
    assert_int_equal(jwt_verify(&jwt, key, &err), 0);
    assert_int_equal(jwt_verify(&jwt, other, &err), -EBADMSG);
    assert_true(jwt_is_for(jwt.claims, "b"));
    assert_false(jwt_is_for(jwt.claims, "c"));
    jwt_done(&jwt);
    /* One changed letter anywhere, and it is not a good token any more. */
    for (size_t i = 0; i < text.len; i++) {
        char was = text.data[i];
        text.data[i] = was == 'A' ? 'B' : 'A';
        if (jwt_parse(text.data, text.len, &jwt, &err) == 0) {
            if (jwt_verify(&jwt, key, &err) == 0)
                fail_msg("letter %zu may be changed", i);
            jwt_done(&jwt);
        }
        text.data[i] = was;
    }
}

/* Short r and s are padded: many signatures, some of which begin with zeros. */
static void test_jwt__many(void **state)
{
    (void)state;
    cleanup(key_free) struct key *key = new_key();
    struct err err = {0};
    for (int i = 0; i < 300; i++) {
        uint8_t sig[SIGNATURE_RAW_LEN];
        assert_int_equal(key_sign_raw(key, &i, sizeof(i), sig, &err), 0);
        assert_int_equal(key_verify_raw(key, &i, sizeof(i), sig, &err), 0);
        sig[i % 64] ^= 1;
        assert_int_equal(key_verify_raw(key, &i, sizeof(i), sig, &err), -EBADMSG);
    }
    uint8_t zero[SIGNATURE_RAW_LEN] = {0};
    assert_int_equal(key_verify_raw(key, "x", 1, zero, &err), -EBADMSG);
}

/* RFC 7515 appendix A.3. */
static void test_jwt__of_the_specification(void **state)
{
    (void)state;
    static const char token[] = "eyJhbGciOiJFUzI1NiJ9"
                                ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                                "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
                                ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
                                "pmWQxfKTUJqPP3-Kg6NU1Q";
    static const char point[] = "-----BEGIN PUBLIC KEY-----\n"
                                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
                                "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
                                "-----END PUBLIC KEY-----\n";
    cleanup(key_free) struct key *key = NULL;
    struct err err = {0};
    struct jwt jwt;
    assert_int_equal(key_parse_public(point, strlen(point), &key, &err), 0);
    assert_int_equal(jwt_parse(token, strlen(token), &jwt, &err), 0);
    assert_int_equal(jwt_verify(&jwt, key, &err), 0);
    assert_string_equal(value_get_str(jwt.claims, "iss"), "joe");
    jwt_done(&jwt);
    uint8_t xy[64];
    assert_int_equal(key_point(key, xy, &err), 0);
    autofree char *x = base64url_encode(xy, 32);
    assert_string_equal(x, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
}

static void test_jwt__refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *claims, *signature;
    } cases[] = {
        {"{\"alg\":\"none\"}", "{}", SIG86},
        {"{\"alg\":\"none\"}", "{}", ""},
        {"{\"alg\":\"HS256\"}", "{}", SIG86},
        {"{\"alg\":\"es256\"}", "{}", SIG86},
        {"{\"alg\":[\"ES256\"]}", "{}", SIG86},
        {"{}", "{}", SIG86},
        {"[]", "{}", SIG86},
        {"{\"alg\":\"ES256\",\"alg\":\"none\"}", "{}", SIG86},
        {"{\"alg\":\"ES256\",\"typ\":\"JWE\"}", "{}", SIG86},
        {"{\"alg\":\"ES256\",\"crit\":[\"b64\"]}", "{}", SIG86},
        {"{\"alg\":\"ES256\"}", "[]", SIG86},
        {"{\"alg\":\"ES256\"}", "{", SIG86},
        {"{\"alg\":\"ES256\"}", "{}", ""},
        {"{\"alg\":\"ES256\"}", "{}", SIG86 "A"},
        {"{\"alg\":\"ES256\"}", "{}", SIG86 "=="},
        {"{\"alg\":\"ES256\"}", "{}", SIG86 "AA"},
        {"{\"alg\":\"ES256\"}", "{}", SIG86 ".x"},
    };
    struct err err = {0};
    struct jwt jwt;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *token = join(cases[i].header, cases[i].claims, cases[i].signature);
        if (jwt_parse(token, strlen(token), &jwt, &err) == 0)
            fail_msg("case %zu", i);
    }
    autofree char *good = join("{\"alg\":\"ES256\"}", "{}", SIG86);
    assert_int_equal(jwt_parse(good, strlen(good), &jwt, &err), 0);
    jwt_done(&jwt);
    static const char *const others[] = {"",    ".",     "..",   "a",
                                         "a.b", "a.b.c", "....", ("e30.e30." SIG86)};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_true(jwt_parse(others[i], strlen(others[i]), &jwt, &err) < 0);
    autofree char *big = xcalloc(1, JWT_MAX + 2);
    memset(big, 'A', JWT_MAX + 1);
    assert_int_equal(jwt_parse(big, JWT_MAX + 1, &jwt, &err), -E2BIG);
}

static void test_jwt__times(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        bool endless, good;
    } cases[] = {
        {"{exp: 1001}", false, true},
        {"{exp: 1000}", false, false},
        {"{exp: 999}", true, false},
        {"{}", false, false},
        {"{}", true, true},
        {"{exp: 1001.5}", false, false},
        {"{exp: '1001'}", false, false},
        {"{exp: -1}", true, false},
        {"{exp: 1e300}", false, false},
        {"{exp: 9999999999999}", false, false},
        {"{exp: null}", true, false},
        {"{exp: 2000, nbf: 1060}", false, true},
        {"{exp: 2000, nbf: 1061}", false, false},
        {"{exp: 2000, iat: 1061}", false, false},
        {"{exp: 2000, iat: x}", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *claims = document(cases[i].claims);
        struct err err = {0};
        if ((jwt_check_times(claims, 1000, cases[i].endless, &err) == 0) != cases[i].good)
            fail_msg("case %zu: %s", i, err.msg);
    }
}

static void test_jwt__base64url(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int len; /* -1: refused */
    } cases[] = {{"", 0},      {"AA", 1},   {"AB", -1},    {"AAA", 2},  {"AAB", -1},
                 {"AAAA", 3},  {"A", -1},   {"AAAAA", -1}, {"-_-_", 3}, {"+/AA", -1},
                 {"AA==", -1}, {"A A", -1}, {"AA\n", -1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *bytes = NULL;
        size_t len = 0;
        int rc = base64url_decode(cases[i].text, strlen(cases[i].text), &bytes, &len);
        if ((rc == 0 ? (int)len : -1) != cases[i].len)
            fail_msg("case %zu", i);
        free(bytes);
    }
    uint8_t *bytes;
    size_t len;
    assert_int_equal(base64url_decode("AA\0A", 4, &bytes, &len), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwt__round),
        cmocka_unit_test(test_jwt__many),
        cmocka_unit_test(test_jwt__of_the_specification),
        cmocka_unit_test(test_jwt__refused),
        cmocka_unit_test(test_jwt__times),
        cmocka_unit_test(test_jwt__base64url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
