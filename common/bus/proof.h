#pragma once
/* The proof of an index (decision record 0006): one ECDSA P-256 signature over the root of a Merkle
 * tree whose leaves are index bodies, and the path from one leaf to that root. Pure. */

#include "common/base/buf.h"
#include "common/crypto/crypto.h"

#define PROOF_MAX_PATH 32
#define PROOF_MAX_TEXT 4096 /* bytes of its JSON line */

struct proof_step {
    bool left; /* the sibling stands to the left */
    uint8_t hash[SHA256_LEN];
};
struct proof {
    struct proof_step path[PROOF_MAX_PATH];
    size_t count;
    uint8_t sig[SIGNATURE_MAX];
    size_t sig_len;
};

/* SHA-256 of 0x00 and the exact bytes. */
void proof_leaf(const void *body, size_t len, uint8_t ret[SHA256_LEN]);
/* Signs `count` leaves (1 or more) by one signature; ret holds `count` proofs. */
nodiscard int proof_sign(const struct key *key, const uint8_t (*leaves)[SHA256_LEN], size_t count,
                         struct proof *ret, struct err *err);
/* 0, or -EBADMSG. */
nodiscard int proof_verify(const struct key *key, const uint8_t leaf[SHA256_LEN],
                           const struct proof *proof, struct err *err);
/* {"alg":"ES256","path":[["L"|"R","<hex>"],...],"sig":"<base64>"} without a newline. */
int proof_write(const struct proof *proof, struct buf *ret);
/* -EBADMSG (form), -ENOTSUP (another algorithm). */
nodiscard int proof_parse(const char *text, size_t len, struct proof *ret, struct err *err);
