#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/bus/index.h"

#include <errno.h>
#include <stdio.h>

#define NODE "pi-01.0123abcd"
#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define TIME_NS (INT64_C(1795225275) * NS_PER_S)

struct fixture {
    struct key *key, *other;
    char kid[SHA256_HEX + 1];
    struct index_trust trust;
    const struct key *keys[1];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(key_generate(&f->key, NULL), 0);
    assert_int_equal(key_generate(&f->other, NULL), 0);
    assert_int_equal(key_id(f->key, f->kid, NULL), 0);
    f->keys[0] = f->key;
    f->trust = (struct index_trust){f->keys, 1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    key_free(f->key);
    key_free(f->other);
    free(f);
    return 0;
}

static void fill(struct index *index)
{
    index_init(index);
    snprintf(index->node, sizeof(index->node), NODE);
    index->epoch = 1;
    index->generation = 7;
    index->time_ns = TIME_NS;
    assert_int_equal(index_put(index, "Pod/default/web", DIGEST_B, NULL), 0);
    assert_int_equal(index_put(index, "ConfigMap/default/web", DIGEST_A, NULL), 0);
}

/* Signs any text as an index body would be. */
static void sign_body(const struct key *key, const char *body, struct buf *ret)
{
    uint8_t leaf[1][SHA256_LEN];
    struct proof proof;
    struct buf text = {.data = (char *)body, .len = strlen(body)};

    proof_leaf(body, strlen(body), leaf[0]);
    assert_int_equal(proof_sign(key, (const uint8_t(*)[SHA256_LEN])leaf, 1, &proof, NULL), 0);
    buf_init(ret, 0);
    assert_int_equal(index_payload(&text, &proof, ret), 0);
}

/* Deployed nodes fix this form for ever. */
static void test_index__body_is_fixed(void **state)
{
    struct fixture *f = *state;
    cleanup(index_done) struct index index;
    cleanup(buf_done) struct buf body, want;

    fill(&index);
    memcpy(index.kid, f->kid, sizeof(f->kid));
    index.flags = INDEX_FLAG_ADOPT;
    buf_init(&body, 0);
    buf_init(&want, 0);
    assert_int_equal(index_write(&index, &body, NULL), 0);
    assert_int_equal(
        buf_addf(&want,
                 "{\"v\":1,\"node\":\"" NODE "\",\"epoch\":1,\"generation\":7,"
                 "\"time\":\"2026-11-21T01:41:15Z\",\"expiry\":{\"policy\":\"keep\"},"
                 "\"flags\":[\"adopt\"],\"manifests\":[[\"ConfigMap/default/web\",\"" DIGEST_A
                 "\"],[\"Pod/default/web\",\"" DIGEST_B "\"]],\"kid\":\"%s\"}",
                 f->kid),
        0);
    assert_string_equal(body.data, want.data);
}

static void test_index__opens_what_was_signed(void **state)
{
    struct fixture *f = *state;
    cleanup(index_done) struct index index, back = {0};
    cleanup(buf_done) struct buf payload;

    fill(&index);
    buf_init(&payload, 0);
    assert_int_equal(index_sign(&index, f->key, &payload, NULL), 0);
    assert_int_equal(index_open(payload.data, payload.len, &f->trust, NODE, &back, NULL), 0);
    assert_string_equal(back.node, NODE);
    assert_int_equal(back.epoch, 1);
    assert_int_equal(back.generation, 7);
    assert_true(back.time_ns == TIME_NS);
    assert_int_equal(back.flags, 0);
    assert_int_equal(back.count, 2);
    assert_string_equal(index_find(&back, "Pod/default/web")->digest, DIGEST_B);
    assert_null(index_find(&back, "Pod/default/other"));
    assert_memory_equal(back.leaf, index.leaf, SHA256_LEN);
}

static void test_index__no_byte_can_be_changed(void **state)
{
    struct fixture *f = *state;
    cleanup(index_done) struct index index, back = {0};
    cleanup(buf_done) struct buf payload;

    fill(&index);
    buf_init(&payload, 0);
    assert_int_equal(index_sign(&index, f->key, &payload, NULL), 0);
    size_t body = (size_t)(strchr(payload.data, '\n') - payload.data);
    for (size_t i = 0; i <= body; i++) {
        payload.data[i] ^= 1;
        if (index_open(payload.data, payload.len, &f->trust, NODE, &back, NULL) == 0)
            fail_msg("accepted with byte %zu changed", i);
        payload.data[i] ^= 1;
    }
    for (size_t len = 0; len < payload.len; len++) /* torn anywhere */
        assert_int_not_equal(index_open(payload.data, len, &f->trust, NODE, &back, NULL), 0);
    assert_int_equal(buf_addc(&payload, '\n'), 0); /* and nothing after it */
    assert_int_equal(index_open(payload.data, payload.len, &f->trust, NODE, &back, NULL), -EBADMSG);
    assert_int_equal(back.count, 0); /* untouched by failures */
}

static void test_index__refuses_others(void **state)
{
    struct fixture *f = *state;
    cleanup(index_done) struct index index, back = {0};
    cleanup(buf_done) struct buf payload, forged;
    const struct index_trust nobody = {NULL, 0};

    fill(&index);
    buf_init(&payload, 0);
    buf_init(&forged, 0);
    assert_int_equal(index_sign(&index, f->key, &payload, NULL), 0);
    assert_int_equal(
        index_open(payload.data, payload.len, &f->trust, "pi-02.0123abcd", &back, NULL),
        -EADDRNOTAVAIL);
    assert_int_equal(index_open(payload.data, payload.len, &nobody, NODE, &back, NULL), -EBADMSG);
    assert_int_equal(index_sign(&index, f->other, &forged, NULL), 0);
    assert_int_equal(index_open(forged.data, forged.len, &f->trust, NODE, &back, NULL), -EBADMSG);
    /* Two pinned keys while one is replaced: either will do. */
    const struct key *both[] = {f->other, f->key};
    const struct index_trust trust = {both, 2};
    assert_int_equal(index_open(payload.data, payload.len, &trust, NODE, &back, NULL), 0);
    assert_int_equal(index_open(forged.data, forged.len, &trust, NODE, &back, NULL), 0);
}

#define HEAD(v, node, epoch, generation)                                                           \
    "{\"v\":" v ",\"node\":\"" node "\",\"epoch\":" epoch ",\"generation\":" generation            \
    ",\"time\":\"2026-11-21T01:41:15Z\""
#define GOOD HEAD("1", NODE, "1", "1")
#define KEEP ",\"expiry\":{\"policy\":\"keep\"}"
#define TAIL(list) KEEP ",\"flags\":[],\"manifests\":[" list "],\"kid\":\"%s\"}"

/* Signed by the right key and still refused. */
static void test_index__refuses_what_it_does_not_understand(void **state)
{
    static const struct {
        const char *body;
        int code;
    } cases[] = {
        {GOOD TAIL(""), 0},
        {GOOD ",\"later\":{\"field\":1}" TAIL(""), 0}, /* new fields may be ignored */
        {HEAD("2", NODE, "1", "1") TAIL(""), -ENOTSUP},
        {GOOD KEEP ",\"flags\":[\"wipe\"],\"manifests\":[],\"kid\":\"%s\"}", -ENOTSUP},
        {GOOD KEEP ",\"flags\":[1],\"manifests\":[],\"kid\":\"%s\"}", -ENOTSUP},
        {GOOD KEEP ",\"manifests\":[],\"kid\":\"%s\"}", -EBADMSG},
        {GOOD ",\"expiry\":{\"policy\":\"stop\"},\"flags\":[],\"manifests\":[],\"kid\":\"%s\"}",
         -ENOTSUP},
        {GOOD ",\"flags\":[],\"manifests\":[],\"kid\":\"%s\"}", -ENOTSUP},
        {GOOD KEEP ",\"flags\":[],\"kid\":\"%s\"}", -EBADMSG}, /* no list is not an empty list */
        {GOOD KEEP ",\"flags\":[],\"manifests\":null,\"kid\":\"%s\"}", -EBADMSG},
        {GOOD KEEP ",\"flags\":[],\"manifests\":[],\"kid\":\"" DIGEST_A "\"}", -EKEYREJECTED},
        {HEAD("1", NODE, "0", "1") TAIL(""), -EBADMSG},
        {HEAD("1", NODE, "1", "0") TAIL(""), -EBADMSG},
        {HEAD("1", NODE, "1", "-1") TAIL(""), -EBADMSG},
        {HEAD("1", NODE, "1", "9007199254740992") TAIL(""), -EBADMSG},
        {HEAD("1", NODE, "1", "1e3") TAIL(""), -EBADMSG},
        {HEAD("1", "pi-02.0123abcd", "1", "1") TAIL(""), -EADDRNOTAVAIL},
        {GOOD TAIL("[\"Pod/default/web\",\"" DIGEST_A "\"]"), 0},
        {GOOD TAIL("[\"Pod/default/web\"]"), -EBADMSG},
        {GOOD TAIL("[\"Pod/default/../x\",\"" DIGEST_A "\"]"), -EBADMSG},
        {GOOD TAIL("[\"Pod/default/web\",\"AAAA\"]"), -EBADMSG},
        {GOOD TAIL("[\"Pod/default/web\",\"../../etc/passwd\"]"), -EBADMSG},
        {GOOD TAIL("[\"Pod/b/b\",\"" DIGEST_A "\"],[\"Pod/b/b\",\"" DIGEST_B "\"]"), -EBADMSG},
        {GOOD TAIL("[\"Pod/b/b\",\"" DIGEST_A "\"],[\"Pod/a/b\",\"" DIGEST_B "\"]"), -EBADMSG},
        {"[]", -ENOTSUP},
        {"null", -ENOTSUP},
        {"", -EBADMSG},
        {"{", -EBADMSG},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(index_done) struct index back = {0};
        cleanup(buf_done) struct buf payload = {0}, text;
        const char *mark = strstr(cases[i].body, "%s");

        buf_init(&text, 0);
        assert_int_equal(
            buf_addf(&text, "%.*s%s%s",
                     (int)(mark ? (size_t)(mark - cases[i].body) : strlen(cases[i].body)),
                     cases[i].body, mark ? f->kid : "", mark ? mark + 2 : ""),
            0);
        sign_body(f->key, buf_str(&text), &payload);
        int rc = index_open(payload.data, payload.len, &f->trust, NODE, &back, NULL);
        if (rc != cases[i].code)
            fail_msg("%s: %d, want %d", cases[i].body, rc, cases[i].code);
    }
}

static void test_index__caps(void **state)
{
    struct fixture *f = *state;
    cleanup(index_done) struct index index, back = {0};
    cleanup(buf_done) struct buf payload, huge;
    char path[64];

    fill(&index);
    buf_init(&payload, 0);
    buf_init(&huge, 0);
    for (int i = 0; index.count < INDEX_MAX_ENTRIES; i++) {
        snprintf(path, sizeof(path), "Pod/default/p%06d", i);
        assert_int_equal(index_put(&index, path, DIGEST_A, NULL), 0);
    }
    assert_int_equal(index_put(&index, "Pod/default/one-more", DIGEST_A, NULL), -E2BIG);
    assert_int_equal(index_put(&index, path, DIGEST_B, NULL), 0); /* replacing always goes */
    assert_int_equal(index_sign(&index, f->key, &payload, NULL), 0);
    assert_int_equal(index_open(payload.data, payload.len, &f->trust, NODE, &back, NULL), 0);
    assert_int_equal(back.count, INDEX_MAX_ENTRIES);
    assert_non_null(buf_reserve(&huge, INDEX_MAX_PAYLOAD + 1));
    huge.len = INDEX_MAX_PAYLOAD + 1;
    memset(huge.data, 'x', huge.len);
    assert_int_equal(index_open(huge.data, huge.len, &f->trust, NODE, &back, NULL), -E2BIG);
    /* Long names reach the cap on bytes before the one on entries. */
    cleanup(index_done) struct index longest;
    fill(&longest);
    memcpy(longest.kid, f->kid, sizeof(f->kid));
    for (int i = 0; i < 5000; i++) {
        char name[300];

        snprintf(name, sizeof(name), "Pod/default/p%0200d", i);
        assert_int_equal(index_put(&longest, name, DIGEST_A, NULL), 0);
    }
    assert_int_equal(index_write(&longest, &payload, NULL), -E2BIG);
}

static void test_index__put_and_del_keep_order(void **state)
{
    cleanup(index_done) struct index index = {0};
    char path[32];

    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "Pod/n/p%d", i * 7919 % 200);
        assert_int_equal(index_put(&index, path, DIGEST_A, NULL), 0);
    }
    assert_int_equal(index.count, 200);
    for (int i = 0; i < 200; i += 2) {
        snprintf(path, sizeof(path), "Pod/n/p%d", i);
        index_del(&index, path);
        index_del(&index, path);
    }
    assert_int_equal(index.count, 100);
    for (size_t i = 1; i < index.count; i++)
        assert_true(strcmp(index.entries[i - 1].path, index.entries[i].path) < 0);
    cleanup(index_done) struct index copy = {0};
    index_copy(&index, &copy);
    for (int i = 0; i < 200; i++) { /* the copy can grow too */
        snprintf(path, sizeof(path), "Pod/n/p%d", i);
        assert_int_equal(index_put(&copy, path, DIGEST_B, NULL), 0);
        assert_string_equal(index_find(&copy, path)->digest, DIGEST_B);
    }
    assert_int_equal(index.count, 100);
    assert_int_equal(index_put(&index, "Pod/n", DIGEST_A, NULL), -EINVAL);
    assert_int_equal(index_put(&index, "Pod/n/x", "zz", NULL), -EINVAL);
}

static void test_index__accept(void **state)
{
    static const struct {
        uint64_t epoch, generation;
        bool other_bytes;
        enum index_verdict verdict;
    } cases[] = {
        {2, 5, false, INDEX_SAME},    {2, 5, true, INDEX_REFUSED}, {2, 6, true, INDEX_ACCEPT},
        {2, 4, true, INDEX_OLDER},    {2, 4, false, INDEX_OLDER},  {1, 5, true, INDEX_OLDER},
        {1, 99, true, INDEX_OLDER},   {3, 1, true, INDEX_ACCEPT},  {3, 5, true, INDEX_ACCEPT},
        {2, 999, true, INDEX_ACCEPT},
    };
    struct index current = {.epoch = 2, .generation = 5, .leaf = {1}};
    struct err err = {0};

    (void)state;
    assert_int_equal(index_accept(NULL, &current, &err), INDEX_ACCEPT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct index c = {.epoch = cases[i].epoch,
                          .generation = cases[i].generation,
                          .leaf = {cases[i].other_bytes ? 2 : 1}};

        err = (struct err){0};
        if (index_accept(&current, &c, &err) != cases[i].verdict)
            fail_msg("%llu.%llu", (unsigned long long)c.epoch, (unsigned long long)c.generation);
        assert_int_equal(cases[i].verdict != INDEX_ACCEPT, err.code != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index__body_is_fixed),
        cmocka_unit_test(test_index__opens_what_was_signed),
        cmocka_unit_test(test_index__no_byte_can_be_changed),
        cmocka_unit_test(test_index__refuses_others),
        cmocka_unit_test(test_index__refuses_what_it_does_not_understand),
        cmocka_unit_test(test_index__caps),
        cmocka_unit_test(test_index__put_and_del_keep_order),
        cmocka_unit_test(test_index__accept),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
