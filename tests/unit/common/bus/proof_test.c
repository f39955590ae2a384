#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/bus/proof.h"

#include <errno.h>
#include <stdio.h>

#define MAX_LEAVES 33

static struct key *new_key(void)
{
    struct key *key = NULL;

    assert_int_equal(key_generate(&key, NULL), 0);
    return key;
}

static void make_leaves(uint8_t (*leaves)[SHA256_LEN], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[16];
        int len = snprintf(text, sizeof(text), "body %zu", i);

        proof_leaf(text, (size_t)len, leaves[i]);
    }
}

/* Every size up to a few levels: each leaf verifies with its proof, and with no other's. */
static void test_proof__one_signature_covers_many(void **state)
{
    uint8_t leaves[MAX_LEAVES][SHA256_LEN];
    struct proof proofs[MAX_LEAVES];
    cleanup(key_free) struct key *key = new_key();

    (void)state;
    make_leaves(leaves, MAX_LEAVES);
    for (size_t n = 1; n <= MAX_LEAVES; n += n < 9 ? 1 : 8) {
        assert_int_equal(proof_sign(key, (const uint8_t(*)[SHA256_LEN])leaves, n, proofs, NULL), 0);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(proof_verify(key, leaves[i], &proofs[i], NULL), 0);
            assert_memory_equal(proofs[i].sig, proofs[0].sig, proofs[0].sig_len);
            if (n > 1)
                assert_int_equal(proof_verify(key, leaves[(i + 1) % n], &proofs[i], NULL),
                                 -EBADMSG);
        }
    }
    assert_int_equal(proof_sign(key, (const uint8_t(*)[SHA256_LEN])leaves, 0, proofs, NULL),
                     -EINVAL);
}

static void test_proof__anything_changed_is_refused(void **state)
{
    uint8_t leaves[5][SHA256_LEN], leaf[SHA256_LEN];
    struct proof proofs[5], bad;
    cleanup(key_free) struct key *key = new_key();
    cleanup(key_free) struct key *other = new_key();

    (void)state;
    make_leaves(leaves, 5);
    assert_int_equal(proof_sign(key, (const uint8_t(*)[SHA256_LEN])leaves, 5, proofs, NULL), 0);
    assert_int_equal(proof_verify(other, leaves[1], &proofs[1], NULL), -EBADMSG);
    for (size_t i = 0; i < SHA256_LEN; i++) {
        memcpy(leaf, leaves[1], sizeof(leaf));
        leaf[i] ^= 1;
        assert_int_equal(proof_verify(key, leaf, &proofs[1], NULL), -EBADMSG);
    }
    bad = proofs[1];
    bad.path[0].left = !bad.path[0].left;
    assert_int_equal(proof_verify(key, leaves[1], &bad, NULL), -EBADMSG);
    bad = proofs[1];
    bad.count--;
    assert_int_equal(proof_verify(key, leaves[1], &bad, NULL), -EBADMSG);
    bad = proofs[1];
    bad.sig[bad.sig_len - 1] ^= 1;
    assert_int_equal(proof_verify(key, leaves[1], &bad, NULL), -EBADMSG);
    bad.sig_len = 0;
    assert_int_equal(proof_verify(key, leaves[1], &bad, NULL), -EBADMSG);
}

/* A node of the tree never passes as a leaf, nor a bare root's signature as ours. */
static void test_proof__nodes_and_leaves_are_apart(void **state)
{
    uint8_t leaves[4][SHA256_LEN], inner[2 * SHA256_LEN], hash[SHA256_LEN],
        node[1 + 2 * SHA256_LEN];
    struct proof proofs[4], forged;
    cleanup(key_free) struct key *key = new_key();

    (void)state;
    make_leaves(leaves, 4);
    assert_int_equal(proof_sign(key, (const uint8_t(*)[SHA256_LEN])leaves, 4, proofs, NULL), 0);
    memcpy(inner, leaves[0], SHA256_LEN);
    memcpy(inner + SHA256_LEN, leaves[1], SHA256_LEN);
    forged = proofs[0];
    forged.count = 1;
    forged.path[0] = proofs[0].path[1];
    proof_leaf(inner, sizeof(inner), hash);
    assert_int_equal(proof_verify(key, hash, &forged, NULL), -EBADMSG);
    /* What RFC 6962 section 2.1 says: 0x01 before two hashes. */
    node[0] = 1;
    memcpy(node + 1, inner, sizeof(inner));
    sha256(node, sizeof(node), hash);
    assert_int_equal(proof_verify(key, hash, &forged, NULL), 0);
    /* The same key's signature over the root alone. */
    sha256(node, sizeof(node), hash);
    forged.count = 0;
    assert_int_equal(key_sign(key, hash, sizeof(hash), forged.sig, &forged.sig_len, NULL), 0);
    assert_int_equal(proof_verify(key, hash, &forged, NULL), -EBADMSG);
}

static void test_proof__text_reads_back(void **state)
{
    uint8_t leaves[3][SHA256_LEN];
    struct proof proofs[3], back;
    cleanup(key_free) struct key *key = new_key();

    (void)state;
    make_leaves(leaves, 3);
    assert_int_equal(proof_sign(key, (const uint8_t(*)[SHA256_LEN])leaves, 3, proofs, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        cleanup(buf_done) struct buf text;

        buf_init(&text, PROOF_MAX_TEXT);
        assert_int_equal(proof_write(&proofs[i], &text), 0);
        assert_int_equal(proof_parse(text.data, text.len, &back, NULL), 0);
        assert_int_equal(back.count, proofs[i].count);
        assert_int_equal(proof_verify(key, leaves[i], &back, NULL), 0);
    }
}

static void test_proof__refuses_what_is_no_proof(void **state)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", -EBADMSG},
        {"null", -ENOTSUP},
        {"{\"alg\":\"none\",\"path\":[],\"sig\":\"AA==\"}", -ENOTSUP},
        {"{\"alg\":\"ES256\",\"sig\":\"AA==\"}", -EBADMSG},
        {"{\"alg\":\"ES256\",\"path\":[]}", -EBADMSG},
        {"{\"alg\":\"ES256\",\"path\":[],\"sig\":\"\"}", -EBADMSG},
        {"{\"alg\":\"ES256\",\"path\":[],\"sig\":\"!\"}", -EBADMSG},
        {"{\"alg\":\"ES256\",\"path\":[[\"L\"]],\"sig\":\"AA==\"}", -EBADMSG},
        {"{\"alg\":\"ES256\",\"path\":[[\"X\",\"00\"]],\"sig\":\"AA==\"}", -EBADMSG},
        {"{\"alg\":\"ES256\",\"path\":[[\"L\",\"00\"]],\"sig\":\"AA==\"}", -EBADMSG},
        {"{\"alg\":\"ES256\",\"path\":{},\"sig\":\"AA==\"}", -EBADMSG},
        {"{\"alg\":\"ES256\",\"path\":[],\"sig\":\"AA==\"}", 0},
    };
    struct proof proof;
    cleanup(buf_done) struct buf deep;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (proof_parse(cases[i].text, strlen(cases[i].text), &proof, NULL) != cases[i].code)
            fail_msg("%s", cases[i].text);
    /* 33 steps: one more than the cap. */
    buf_init(&deep, 0);
    assert_int_equal(buf_addstr(&deep, "{\"alg\":\"ES256\",\"path\":["), 0);
    for (int i = 0; i < PROOF_MAX_PATH + 1; i++)
        assert_int_equal(buf_addf(&deep, "%s[\"L\",\"%064d\"]", i ? "," : "", 0), 0);
    assert_int_equal(buf_addstr(&deep, "],\"sig\":\"AA==\"}"), 0);
    assert_true(deep.len < PROOF_MAX_TEXT);
    assert_int_equal(proof_parse(deep.data, deep.len, &proof, NULL), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proof__one_signature_covers_many),
        cmocka_unit_test(test_proof__anything_changed_is_refused),
        cmocka_unit_test(test_proof__nodes_and_leaves_are_apart),
        cmocka_unit_test(test_proof__text_reads_back),
        cmocka_unit_test(test_proof__refuses_what_is_no_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
