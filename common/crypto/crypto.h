#pragma once
/* All cryptography but TLS: digests, MACs, key pairs, signatures, sealing. mbedtls 2.28 and 3.6
 * behind it. Nothing here blocks. One purpose a key: TLS identity, desired-state signing, sealing.
 */

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32
#define SHA256_HEX 64
#define SIGNATURE_MAX 72 /* ECDSA P-256, ASN.1 DER */

void sha256(const void *data, size_t len, uint8_t ret[SHA256_LEN]);
void sha256_hex(const void *data, size_t len, char ret[SHA256_HEX + 1]);
struct sha256_ctx; /* streaming */
struct sha256_ctx *sha256_new(void);
void sha256_add(struct sha256_ctx *ctx, const void *data, size_t len);
void sha256_end(struct sha256_ctx *ctx, uint8_t ret[SHA256_LEN]); /* frees */
void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                 uint8_t ret[SHA256_LEN]);
/* For protocols that ask for it (RFC 6455): nothing may rest on it. */
#define SHA1_LEN 20
void sha1(const void *data, size_t len, uint8_t ret[SHA1_LEN]);
bool crypto_equal(const void *a, const void *b, size_t len); /* constant time */
void crypto_wipe(void *p, size_t len);

/* An elliptic-curve key pair or public key (NIST P-256). */
struct key;
nodiscard int key_generate(struct key **ret, struct err *err);
void key_free(struct key *key); /* wipes */
/* PEM, private (SEC1 or PKCS#8 in; SEC1 out) and public (SubjectPublicKeyInfo). */
nodiscard int key_parse_private(const char *pem, size_t len, struct key **ret, struct err *err);
nodiscard int key_parse_public(const char *pem, size_t len, struct key **ret, struct err *err);
nodiscard int key_write_private(const struct key *key, struct buf *ret, struct err *err);
nodiscard int key_write_public(const struct key *key, struct buf *ret, struct err *err);
/* SHA-256 of the SubjectPublicKeyInfo in DER, hex: the key id. */
nodiscard int key_id(const struct key *key, char ret[SHA256_HEX + 1], struct err *err);

/* ECDSA over SHA-256 of data; deterministic (RFC 6979). */
nodiscard int key_sign(const struct key *key, const void *data, size_t len,
                       uint8_t ret[SIGNATURE_MAX], size_t *ret_len, struct err *err);
/* 0, or -EBADMSG when it does not verify. */
nodiscard int key_verify(const struct key *key, const void *data, size_t len, const uint8_t *sig,
                         size_t sig_len, struct err *err);

/* The same with a signature as JOSE has it: r and s, 32 bytes each (RFC 7518 section 3.4). */
#define SIGNATURE_RAW_LEN 64
nodiscard int key_sign_raw(const struct key *key, const void *data, size_t len,
                           uint8_t ret[SIGNATURE_RAW_LEN], struct err *err);
nodiscard int key_verify_raw(const struct key *key, const void *data, size_t len,
                             const uint8_t sig[SIGNATURE_RAW_LEN], struct err *err);
/* The point that is the public key: x and y, 32 bytes each. */
nodiscard int key_point(const struct key *key, uint8_t ret[64], struct err *err);

/* Sealing to a public key: ephemeral ECDH, HKDF-SHA256, AES-256-GCM; `context` is bound as
 * additional data. Format (decision record): version byte 1, 65-byte ephemeral point, 12-byte
 * nonce, ciphertext, 16-byte tag. */
#define KEY_SEAL_OVERHEAD 94 /* bytes that sealing adds */
nodiscard int key_seal(const struct key *to, const void *context, size_t context_len,
                       const void *data, size_t len, struct buf *ret, struct err *err);
/* 0, or -EBADMSG. */
nodiscard int key_open(const struct key *key, const void *context, size_t context_len,
                       const void *sealed, size_t len, struct buf *ret, struct err *err);

/* A shared secret of two sealing keys: HKDF-SHA256 over ECDH(mine, theirs), `info` naming its one
 * use (both sides give the same bytes). Both ends get the same 32 bytes without a message between
 * them. */
nodiscard int key_agree(const struct key *mine, const struct key *theirs, const void *info,
                        size_t info_len, uint8_t ret[SHA256_LEN], struct err *err);

/* A key from a passphrase: PBKDF2-HMAC-SHA512 (RFC 8018). Blocks: a second and more for as many
 * rounds as a passphrase needs. */
#define SECRET_KEY_LEN 32
nodiscard int secret_from_passphrase(const void *passphrase, size_t len, const void *salt,
                                     size_t salt_len, uint32_t rounds, uint8_t ret[SECRET_KEY_LEN],
                                     struct err *err);
/* AES-256-GCM under a key that one file uses. nonce: never twice under one key. */
#define SECRET_NONCE_LEN 12
#define SECRET_TAG_LEN 16 /* bytes that sealing adds */
nodiscard int secret_seal(const uint8_t key[SECRET_KEY_LEN], const uint8_t nonce[SECRET_NONCE_LEN],
                          const void *context, size_t context_len, const void *data, size_t len,
                          struct buf *ret, struct err *err);
/* 0, or -EBADMSG. */
nodiscard int secret_open(const uint8_t key[SECRET_KEY_LEN], const uint8_t nonce[SECRET_NONCE_LEN],
                          const void *context, size_t context_len, const void *sealed, size_t len,
                          struct buf *ret, struct err *err);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct key, key_free);
