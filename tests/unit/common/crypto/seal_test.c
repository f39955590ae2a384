#include "test.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include "fixtures.h"

#include <errno.h>

static int setup(void **state)
{
    struct key *key = NULL;
    int r = key_parse_private(rfc6979_sec1, strlen(rfc6979_sec1), &key, NULL);
    *state = key;
    return r;
}

static int teardown(void **state)
{
    key_free(*state);
    return 0;
}

/* The format is fixed for ever by what nodes hold on disk. */
static void test_seal__opens_what_another_implementation_sealed(void **state)
{
    cleanup(buf_done) struct buf out = {0};
    struct err err = {0};
    assert_int_equal(
        key_open(*state, "default/web", 11, sealed_vector, sizeof(sealed_vector), &out, &err), 0);
    assert_string_equal(buf_str(&out), "the secret");
}

static void test_seal__round_trip(void **state)
{
    static const size_t lengths[] = {0, 1, 15, 16, 17, 1000, 1048576};
    cleanup(key_free) struct key *public = NULL;
    assert_int_equal(key_parse_public(rfc6979_public, strlen(rfc6979_public), &public, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        autofree char *data = xmalloc(lengths[i] + 1);
        memset(data, 'x', lengths[i]);
        cleanup(buf_done) struct buf sealed = {0}, again = {0}, out = {0};
        assert_int_equal(key_seal(public, "c", 1, data, lengths[i], &sealed, NULL), 0);
        assert_int_equal(key_seal(public, "c", 1, data, lengths[i], &again, NULL), 0);
        assert_int_equal(sealed.len, lengths[i] + 94);
        assert_memory_not_equal(sealed.data, again.data, sealed.len);
        assert_int_equal(key_open(*state, "c", 1, sealed.data, sealed.len, &out, NULL), 0);
        assert_int_equal(out.len, lengths[i]);
        assert_memory_equal(buf_str(&out), data, lengths[i]);
    }
}

static void test_seal__context_is_bound(void **state)
{
    cleanup(buf_done) struct buf sealed = {0}, out = {0};
    struct err err = {0};
    assert_int_equal(key_seal(*state, "default/web", 11, "secret", 6, &sealed, NULL), 0);
    assert_int_equal(key_open(*state, "default/wee", 11, sealed.data, sealed.len, &out, &err),
                     -EBADMSG);
    assert_int_equal(key_open(*state, "default/we", 10, sealed.data, sealed.len, &out, &err),
                     -EBADMSG);
    assert_int_equal(key_open(*state, NULL, 0, sealed.data, sealed.len, &out, &err), -EBADMSG);
    assert_int_equal(out.len, 0);
    assert_string_equal(err.msg, "sealed data: it was sealed to another key or for another place, "
                                 "or it was altered");
}

static void test_seal__every_byte_counts(void **state)
{
    uint8_t bad[sizeof(sealed_vector)];
    for (size_t i = 0; i < sizeof(bad); i++) {
        memcpy(bad, sealed_vector, sizeof(bad));
        bad[i] ^= 1;
        cleanup(buf_done) struct buf out = {0};
        assert_int_equal(key_open(*state, "default/web", 11, bad, sizeof(bad), &out, NULL),
                         -EBADMSG);
        assert_int_equal(out.len, 0);
        /* nothing of the secret is left in the room that was made */
        assert_true(!out.data || !memmem(out.data, out.cap, "secret", 6));
    }
    for (size_t len = 0; len < sizeof(sealed_vector); len++) {
        cleanup(buf_done) struct buf out = {0};
        assert_int_equal(key_open(*state, "default/web", 11, sealed_vector, len, &out, NULL),
                         -EBADMSG);
    }
}

static void test_seal__bad_points(void **state)
{
    uint8_t bad[sizeof(sealed_vector)];
    memcpy(bad, sealed_vector, sizeof(bad));
    cleanup(buf_done) struct buf out = {0};
    memset(bad + 1, 0, 65); /* infinity */
    assert_int_equal(key_open(*state, "default/web", 11, bad, sizeof(bad), &out, NULL), -EBADMSG);
    bad[1] = 4; /* (0, 0): not on the curve */
    assert_int_equal(key_open(*state, "default/web", 11, bad, sizeof(bad), &out, NULL), -EBADMSG);
    memset(bad + 2, 0xff, 64); /* beyond the field */
    assert_int_equal(key_open(*state, "default/web", 11, bad, sizeof(bad), &out, NULL), -EBADMSG);
}

static void test_seal__other_keys_and_caps(void **state)
{
    cleanup(key_free) struct key *other = NULL, *public = NULL;
    cleanup(buf_done) struct buf out = {0}, capped = {.max = 9}, sealed = {.max = 99};
    assert_int_equal(key_generate(&other, NULL), 0);
    assert_int_equal(key_parse_public(rfc6979_public, strlen(rfc6979_public), &public, NULL), 0);
    assert_int_equal(
        key_open(other, "default/web", 11, sealed_vector, sizeof(sealed_vector), &out, NULL),
        -EBADMSG);
    assert_int_equal(
        key_open(public, "default/web", 11, sealed_vector, sizeof(sealed_vector), &out, NULL),
        -EINVAL);
    assert_int_equal(
        key_open(*state, "default/web", 11, sealed_vector, sizeof(sealed_vector), &capped, NULL),
        -E2BIG);
    assert_int_equal(key_seal(public, NULL, 0, "secret", 6, &sealed, NULL), -E2BIG);
    assert_int_equal(key_seal(public, NULL, 0, "secre", 5, &sealed, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal__opens_what_another_implementation_sealed),
        cmocka_unit_test(test_seal__round_trip),
        cmocka_unit_test(test_seal__context_is_bound),
        cmocka_unit_test(test_seal__every_byte_counts),
        cmocka_unit_test(test_seal__bad_points),
        cmocka_unit_test(test_seal__other_keys_and_caps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
