#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_enc__hex(void **state)
{
    (void)state;
    char text[7];
    hex_encode("\x00\xff\x1a", 3, text);
    assert_string_equal(text, "00ff1a");
    uint8_t bytes[3];
    assert_int_equal(hex_decode("00Ff1A", 6, bytes, 3), 0);
    assert_memory_equal(bytes, "\x00\xff\x1a", 3);
    static const char *const bad[] = {"", "00ff1", "00ff1a0", "00ff1g", " 0ff1a", "0x0f1a"};
    memset(bytes, 7, sizeof(bytes));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(hex_decode(bad[i], strlen(bad[i]), bytes, 3), -EINVAL);
        assert_memory_equal(bytes, "\7\7\7", 3); /* untouched on failure */
    }
}

/* RFC 4648 section 10. */
static void test_enc__base64_vectors(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *text = base64_encode(cases[i][0], strlen(cases[i][0]));
        assert_string_equal(text, cases[i][1]);
        autofree uint8_t *data = NULL;
        size_t len;
        assert_int_equal(base64_decode(text, strlen(text), &data, &len), 0);
        assert_int_equal(len, strlen(cases[i][0]));
        assert_memory_equal(data, cases[i][0], len + 1); /* terminated */
    }
}

static void test_enc__base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",  "Z===", "====", "=Zg=",  "Zg==Zg==", "Zm9v\n",
        "Zm 9", "Zh==", "Zm9=", "Zm-_", "Zg=A", "Zm9vZ", "Z\xff==",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t *data = NULL;
        size_t len = 77;
        assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &data, &len), -EINVAL);
        assert_null(data);
        assert_int_equal(len, 77);
    }
}

static void test_enc__base64_round_trip(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 4);
    for (size_t n = 0; n < 200; n++) {
        autofree uint8_t *in = xmalloc(n);
        rng_fill(&rng.rng, in, n);
        autofree char *text = base64_encode(in, n);
        autofree uint8_t *out = NULL;
        size_t len;
        assert_int_equal(base64_decode(text, strlen(text), &out, &len), 0);
        assert_int_equal(len, n);
        assert_memory_equal(in, out, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enc__hex),
        cmocka_unit_test(test_enc__base64_vectors),
        cmocka_unit_test(test_enc__base64_is_strict),
        cmocka_unit_test(test_enc__base64_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
