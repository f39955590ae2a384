/* Index payloads from a captured broker, and bodies as if the right key had signed them: what opens
 * is well formed and writes itself anew to the same entries. */

#include "common/bus/index.h"

#include <stdlib.h>
#include <string.h>

#define NODE "pi-01.0123abcd"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* A fixed key, so that a corpus means the same in every run. */
static const char key_pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
                              "MHcCAQEEIC1rSr94DgcSdWFxEEtyTsMP3sl5B57O+zbfxgzCWW7PoAoGCCqGSM49\n"
                              "AwEHoUQDQgAEEFV2ujJveVMF5qM7d6NdgHILniETK4bxSivrVnBn5ftgtJ1HEJ1g\n"
                              "Ds5thxLdmoqw15C/8U6S2/51XEMILUW7yA==\n"
                              "-----END EC PRIVATE KEY-----\n";

static struct key *new_key(void)
{
    struct key *key = NULL;

    check(key_parse_private(key_pem, strlen(key_pem), &key, NULL) == 0);
    return key;
}

static void open_one(const struct key *key, const void *payload, size_t len)
{
    const struct key *keys[] = {key};
    const struct index_trust trust = {keys, 1};
    cleanup(index_done) struct index index = {0};
    cleanup(buf_done) struct buf body = {0};
    struct err err = {0};
    int rc = index_open(payload, len, &trust, NODE, &index, &err);

    if (rc < 0) {
        check(err.code == rc && *err.msg && index.count == 0);
        return;
    }
    check(strcmp(index.node, NODE) == 0 && index.epoch && index.generation);
    for (size_t i = 1; i < index.count; i++)
        check(strcmp(index.entries[i - 1].path, index.entries[i].path) < 0);
    check(index_write(&index, &body, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(key_free) struct key *key = new_key();
    cleanup(buf_done) struct buf payload = {0};
    uint8_t leaf[1][SHA256_LEN];
    struct proof proof;
    struct buf body = {.data = (char *)data, .len = size};

    open_one(key, data, size);
    if (proof_parse((const char *)data, size, &proof, NULL) == 0)
        check(proof.count <= PROOF_MAX_PATH && proof.sig_len <= SIGNATURE_MAX);
    /* The same bytes signed: now the body's own parser sees them. */
    proof_leaf(data, size, leaf[0]);
    check(proof_sign(key, (const uint8_t(*)[SHA256_LEN])leaf, 1, &proof, NULL) == 0);
    check(index_payload(&body, &proof, &payload) == 0);
    open_one(key, payload.data, payload.len);
    return 0;
}
