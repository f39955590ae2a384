#include "test.h"

#include "common/base/str.h"
#include "common/crypto/cert.h"

#include "fixtures.h"

#include <errno.h>

struct request {
    char *name;
    struct key *key, *sealing;
    struct err err;
};

static int parse(const char *pem, struct request *ret)
{
    *ret = (struct request){0};
    return csr_parse(pem, strlen(pem), &ret->name, &ret->key, &ret->sealing, &ret->err);
}

static void request_done(struct request *req)
{
    free(req->name);
    key_free(req->key);
    key_free(req->sealing);
}
CLEANUP_DEFINE_VALUE(struct request, request_done);

static void test_csr__round_trip(void **state)
{
    (void)state;
    cleanup(key_free) struct key *key = NULL, *sealing = NULL;
    assert_int_equal(key_generate(&key, NULL), 0);
    assert_int_equal(key_generate(&sealing, NULL), 0);
    for (int with = 0; with < 2; with++) {
        cleanup(buf_done) struct buf pem = {0};
        struct err err = {0};
        if (csr_write(key, "pi-01.0a1b2c3d", with ? sealing : NULL, &pem, &err))
            fail_msg("%s", err.msg);
        cleanup(request_done) struct request req = {0};
        if (parse(buf_str(&pem), &req))
            fail_msg("%s", req.err.msg);
        char want[SHA256_HEX + 1], have[SHA256_HEX + 1];
        assert_string_equal(req.name, "pi-01.0a1b2c3d");
        assert_int_equal(key_id(key, want, NULL), 0);
        assert_int_equal(key_id(req.key, have, NULL), 0);
        assert_string_equal(have, want);
        assert_true(with == (req.sealing != NULL));
        if (!with)
            continue;
        assert_int_equal(key_id(sealing, want, NULL), 0);
        assert_int_equal(key_id(req.sealing, have, NULL), 0);
        assert_string_equal(have, want);
    }
}

static void test_csr__made_elsewhere(void **state)
{
    (void)state;
    char id[SHA256_HEX + 1];
    cleanup(request_done) struct request plain = {0}, sealing = {0};
    assert_int_equal(parse(csr_plain, &plain), 0);
    assert_string_equal(plain.name, "pi-01.0a1b2c3d");
    assert_null(plain.sealing);
    if (parse(csr_sealing, &sealing))
        fail_msg("%s", sealing.err.msg);
    assert_int_equal(key_id(sealing.key, id, NULL), 0);
    assert_string_equal(id, rfc6979_id);
    assert_int_equal(key_id(sealing.sealing, id, NULL), 0);
    assert_string_equal(id, sealing_id);
}

static void test_csr__refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *pem;
        int want;
        const char *says;
    } cases[] = {
        {"empty", "", -EINVAL, "not PEM"},
        {"a certificate", ca_pem, -EINVAL, "cannot be read"},
        {"altered", csr_altered, -EBADMSG, "signature does not match"},
        {"one key for both", csr_same_key, -EINVAL, "must not be the same"},
        {"bad sealing key", csr_bad_sealing, -EINVAL, "sealing key cannot be read"},
        {"another hash", csr_sha384, -EINVAL, "SHA-256"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(request_done) struct request req = {0};
        int r = parse(cases[i].pem, &req);
        if (r != cases[i].want || req.name || req.key || !strstr(req.err.msg, cases[i].says))
            fail_msg("%s: %d \"%s\"", cases[i].name, r, req.err.msg);
    }
}

static void test_csr__names(void **state)
{
    (void)state;
    cleanup(key_free) struct key *key = NULL;
    assert_int_equal(key_generate(&key, NULL), 0);
    static const struct {
        const char *name;
        int want;
    } cases[] = {
        {"a", 0},
        {"system:node:pi", 0},
        {"Jos\xc3\xa9", 0},
        {"0123456789012345678901234567890123456789012345678901234567890123", 0},
        {"01234567890123456789012345678901234567890123456789012345678901234", -EINVAL},
        {"", -EINVAL},
        {"a,O=system:masters", -EINVAL},
        {"a=b", -EINVAL},
        {"a\nb", -EINVAL},
        {"a\x7f", -EINVAL},
        {"\xff", -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf pem = {0};
        cleanup(request_done) struct request req = {0};
        int r = csr_write(key, cases[i].name, NULL, &pem, NULL);
        if (r != cases[i].want)
            fail_msg("%s: %d", cases[i].name, r);
        if (r)
            continue;
        assert_int_equal(parse(buf_str(&pem), &req), 0);
        assert_string_equal(req.name, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csr__round_trip),
        cmocka_unit_test(test_csr__made_elsewhere),
        cmocka_unit_test(test_csr__refused),
        cmocka_unit_test(test_csr__names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
