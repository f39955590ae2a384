#include "common/bus/proof.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>

/* What is signed is never just a root: the words keep this signature from meaning anything
 * elsewhere. */
static const char domain[] = "limpet index v1"; /* its NUL is signed too */
#define SIGNED_LEN (sizeof(domain) + SHA256_LEN)

void proof_leaf(const void *body, size_t len, uint8_t ret[SHA256_LEN])
{
    struct sha256_ctx *ctx = sha256_new();

    sha256_add(ctx, "\x00", 1);
    sha256_add(ctx, body, len);
    sha256_end(ctx, ret);
}

static void node_hash(const uint8_t left[SHA256_LEN], const uint8_t right[SHA256_LEN],
                      uint8_t ret[SHA256_LEN])
{
    uint8_t data[1 + 2 * SHA256_LEN] = {0x01};

    memcpy(data + 1, left, SHA256_LEN);
    memcpy(data + 1 + SHA256_LEN, right, SHA256_LEN);
    sha256(data, sizeof(data), ret);
}

static void signed_bytes(const uint8_t root[SHA256_LEN], uint8_t ret[SIGNED_LEN])
{
    memcpy(ret, domain, sizeof(domain));
    memcpy(ret + sizeof(domain), root, SHA256_LEN);
}

static void add_step(struct proof *proof, bool left, const uint8_t hash[SHA256_LEN])
{
    struct proof_step *step = &proof->path[proof->count++];

    step->left = left;
    memcpy(step->hash, hash, SHA256_LEN);
}

/* One level of the tree, in place: nodes[i] covers the leaves [i * span, (i + 1) * span). A node
 * without a sibling goes up as it is. */
static size_t level_up(uint8_t (*nodes)[SHA256_LEN], size_t count, size_t span, size_t leaves,
                       struct proof *proofs)
{
    for (size_t i = 0; i + 1 < count; i += 2) {
        for (size_t l = i * span; l < (i + 1) * span; l++)
            add_step(&proofs[l], false, nodes[i + 1]);
        for (size_t l = (i + 1) * span; l < (i + 2) * span && l < leaves; l++)
            add_step(&proofs[l], true, nodes[i]);
    }
    for (size_t i = 0; i + 1 < count; i += 2)
        node_hash(nodes[i], nodes[i + 1], nodes[i / 2]);
    if (count % 2)
        memmove(nodes[count / 2], nodes[count - 1], SHA256_LEN);
    return (count + 1) / 2;
}

int proof_sign(const struct key *key, const uint8_t (*leaves)[SHA256_LEN], size_t count,
               struct proof *ret, struct err *err)
{
    uint8_t data[SIGNED_LEN], sig[SIGNATURE_MAX];
    size_t sig_len, left = count;

    const uint64_t most = UINT64_C(1) << PROOF_MAX_PATH;
    if (count == 0 || count > most)
        return err_set(err, -EINVAL, "index proof: %zu leaves", count);
    autofree uint8_t(*nodes)[SHA256_LEN] = xreallocarray(NULL, count, SHA256_LEN);
    memcpy(nodes, leaves, count * SHA256_LEN);
    for (size_t i = 0; i < count; i++)
        ret[i].count = 0;
    for (size_t span = 1; left > 1; span *= 2)
        left = level_up(nodes, left, span, count, ret);
    signed_bytes(nodes[0], data);
    int rc = key_sign(key, data, sizeof(data), sig, &sig_len, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++) {
        memcpy(ret[i].sig, sig, sig_len);
        ret[i].sig_len = sig_len;
    }
    return 0;
}

int proof_verify(const struct key *key, const uint8_t leaf[SHA256_LEN], const struct proof *proof,
                 struct err *err)
{
    uint8_t hash[SHA256_LEN], data[SIGNED_LEN];

    memcpy(hash, leaf, sizeof(hash));
    for (size_t i = 0; i < proof->count; i++) {
        const struct proof_step *step = &proof->path[i];

        if (step->left)
            node_hash(step->hash, hash, hash);
        else
            node_hash(hash, step->hash, hash);
    }
    signed_bytes(hash, data);
    if (WEAKENED(INDEX_SIGNATURE))
        return 0;
    if (key_verify(key, data, sizeof(data), proof->sig, proof->sig_len, NULL) < 0)
        return err_set(err, -EBADMSG, "index proof: the signature does not verify");
    return 0;
}

int proof_write(const struct proof *proof, struct buf *ret)
{
    char hex[SHA256_HEX + 1];
    int rc = buf_addstr(ret, "{\"alg\":\"ES256\",\"path\":[");

    for (size_t i = 0; i < proof->count && rc == 0; i++) {
        hex_encode(proof->path[i].hash, SHA256_LEN, hex);
        rc = buf_addf(ret, "%s[\"%c\",\"%s\"]", i ? "," : "", proof->path[i].left ? 'L' : 'R', hex);
    }
    autofree char *sig = base64_encode(proof->sig, proof->sig_len);
    return rc < 0 ? rc : buf_addf(ret, "],\"sig\":\"%s\"}", sig);
}

static int parse_step(const struct value *item, struct proof_step *ret)
{
    const char *side = value_str(value_at(item, 0)), *hex = value_str(value_at(item, 1));

    if (value_type(item) != VALUE_LIST || value_len(item) != 2 || !side || !hex ||
        (strcmp(side, "L") != 0 && strcmp(side, "R") != 0))
        return -EBADMSG;
    ret->left = *side == 'L';
    return hex_decode(hex, strlen(hex), ret->hash, SHA256_LEN) < 0 ? -EBADMSG : 0;
}

static int parse_sig(const char *text, struct proof *ret)
{
    autofree uint8_t *sig = NULL;
    size_t len;

    if (!text || base64_decode(text, strlen(text), &sig, &len) < 0 || len == 0 ||
        len > SIGNATURE_MAX)
        return -EBADMSG;
    memcpy(ret->sig, sig, len);
    ret->sig_len = len;
    return 0;
}

int proof_parse(const char *text, size_t len, struct proof *ret, struct err *err)
{
    cleanup(value_free) struct value *v = NULL;
    struct proof proof = {0};
    const char *alg;

    if (len > PROOF_MAX_TEXT || json_parse(text, len, &v, NULL) < 0)
        return err_set(err, -EBADMSG, "index proof: not JSON, or longer than %d bytes",
                       PROOF_MAX_TEXT);
    alg = value_get_str(v, "alg");
    if (!alg || strcmp(alg, "ES256") != 0)
        return err_set(err, -ENOTSUP, "index proof: the algorithm is not ES256");
    const struct value *path = value_get(v, "path");
    if (value_type(path) != VALUE_LIST || value_len(path) > PROOF_MAX_PATH)
        return err_set(err, -EBADMSG, "index proof: no path, or longer than %d", PROOF_MAX_PATH);
    for (proof.count = 0; proof.count < value_len(path); proof.count++)
        if (parse_step(value_at(path, proof.count), &proof.path[proof.count]) < 0)
            return err_set(err, -EBADMSG, "index proof: path[%zu] is not well formed", proof.count);
    if (parse_sig(value_get_str(v, "sig"), &proof) < 0)
        return err_set(err, -EBADMSG, "index proof: the signature is not well formed");
    *ret = proof;
    return 0;
}
