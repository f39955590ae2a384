/* Sealing, decisions/0005-keys-and-sealing.md: ECIES in the spirit of RFC 9180, whose parts
 * mbedtls 2.28 does not put together. */

#include "common/base/weaken.h"
#include "common/crypto/mbed.h"

#include <errno.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <string.h>

enum {
    SEAL_VERSION = 1,
    POINT_LEN = 65, /* 0x04, x, y */
    NONCE_LEN = 12,
    TAG_LEN = 16,
    AES_KEY_LEN = 32,
    HEAD_LEN = 1 + POINT_LEN + NONCE_LEN,
};

_Static_assert(HEAD_LEN + TAG_LEN == KEY_SEAL_OVERHEAD, "the format is fixed for ever");

static const char info_label[] = "limpet seal 1";

static size_t bound(size_t context_len)
{
    return WEAKENED(SEAL_CONTEXT) ? 0 : context_len;
}

static int write_point(const mbedtls_ecp_keypair *ec, uint8_t out[POINT_LEN])
{
    size_t len = 0;
    int r = mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, out,
                                           POINT_LEN);
    return r ? r : len == POINT_LEN ? 0 : MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
}

/* The AES key: HKDF over the shared secret; both public points take part, so that a ciphertext is
 * for this one receiver and this one ephemeral key. */
static int derive(mbedtls_ecp_group *grp, const mbedtls_mpi *d, const mbedtls_ecp_point *peer,
                  const uint8_t ephemeral[POINT_LEN], const uint8_t receiver[POINT_LEN],
                  uint8_t ret[AES_KEY_LEN])
{
    uint8_t info[sizeof(info_label) - 1 + 2 * POINT_LEN], secret[32];
    memcpy(info, info_label, sizeof(info_label) - 1);
    memcpy(info + sizeof(info_label) - 1, ephemeral, POINT_LEN);
    memcpy(info + sizeof(info_label) - 1 + POINT_LEN, receiver, POINT_LEN);
    mbedtls_mpi z;
    mbedtls_mpi_init(&z);
    int r = mbedtls_ecdh_compute_shared(grp, &z, peer, d, mbed_rng, NULL);
    if (r == 0)
        r = mbedtls_mpi_write_binary(&z, secret, sizeof(secret));
    mbedtls_mpi_free(&z);
    if (r == 0)
        r = mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), NULL, 0, secret,
                         sizeof(secret), info, sizeof(info), ret, AES_KEY_LEN);
    crypto_wipe(secret, sizeof(secret));
    return r;
}

/* Makes the ephemeral key, writes the head's first 66 bytes and derives the AES key. */
static int seal_begin(mbedtls_ecp_keypair *to, uint8_t head[HEAD_LEN], uint8_t ret[AES_KEY_LEN])
{
    uint8_t receiver[POINT_LEN];
    mbedtls_ecp_keypair own;
    mbedtls_ecp_keypair_init(&own);
    int r = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, &own, mbed_rng, NULL);
    head[0] = SEAL_VERSION;
    if (r == 0)
        r = write_point(&own, head + 1);
    if (r == 0)
        r = write_point(to, receiver);
    if (r == 0)
        r = derive(&own.grp, &own.d, &to->Q, head + 1, receiver, ret);
    mbedtls_ecp_keypair_free(&own);
    return r;
}

int key_seal(const struct key *to, const void *context, size_t context_len, const void *data,
             size_t len, struct buf *ret, struct err *err)
{
    uint8_t *out = NULL, aes[AES_KEY_LEN];
    if (len <= SIZE_MAX / 2)
        out = (uint8_t *)buf_reserve(ret, HEAD_LEN + len + TAG_LEN);
    if (!out)
        return err_set(err, -E2BIG, "sealing: the result is too long");
    int r = seal_begin(mbedtls_pk_ec(to->pk), out, aes);
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    rng_fill(rng_system(), out + 1 + POINT_LEN, NONCE_LEN);
    if (r == 0)
        r = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, aes, 8 * sizeof(aes));
    if (r == 0)
        r = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, len, out + 1 + POINT_LEN,
                                      NONCE_LEN, context, bound(context_len), data, out + HEAD_LEN,
                                      TAG_LEN, out + HEAD_LEN + len);
    mbedtls_gcm_free(&gcm);
    crypto_wipe(aes, sizeof(aes));
    if (r)
        return mbed_err(err, -EIO, r, "sealing failed");
    ret->len += HEAD_LEN + len + TAG_LEN;
    return 0;
}

static int open_begin(mbedtls_ecp_keypair *own, const uint8_t head[HEAD_LEN],
                      uint8_t ret[AES_KEY_LEN])
{
    uint8_t receiver[POINT_LEN];
    mbedtls_ecp_point peer;
    mbedtls_ecp_point_init(&peer);
    int r = mbedtls_ecp_point_read_binary(&own->grp, &peer, head + 1, POINT_LEN);
    if (r == 0) /* a point off the curve would leak the private key bit by bit */
        r = mbedtls_ecp_check_pubkey(&own->grp, &peer);
    if (r == 0)
        r = write_point(own, receiver);
    if (r == 0)
        r = derive(&own->grp, &own->d, &peer, head + 1, receiver, ret);
    mbedtls_ecp_point_free(&peer);
    return r;
}

static int open_rest(const uint8_t aes[AES_KEY_LEN], const void *context, size_t context_len,
                     const uint8_t *sealed, size_t len, uint8_t *out)
{
    size_t plain_len = len - HEAD_LEN - TAG_LEN;
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    int r = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, aes, 8 * AES_KEY_LEN);
    if (r == 0)
        r = mbedtls_gcm_auth_decrypt(&gcm, plain_len, sealed + 1 + POINT_LEN, NONCE_LEN, context,
                                     bound(context_len), sealed + HEAD_LEN + plain_len, TAG_LEN,
                                     sealed + HEAD_LEN, out);
    mbedtls_gcm_free(&gcm);
    return r;
}

int key_open(const struct key *key, const void *context, size_t context_len, const void *sealed,
             size_t len, struct buf *ret, struct err *err)
{
    const uint8_t *in = sealed;
    uint8_t aes[AES_KEY_LEN];
    if (!key->private)
        return err_set(err, -EINVAL, "opening sealed data needs the private key");
    if (len < HEAD_LEN + TAG_LEN || in[0] != SEAL_VERSION)
        return err_set(err, -EBADMSG, "sealed data: too short, or of an unknown version");
    size_t plain_len = len - HEAD_LEN - TAG_LEN;
    uint8_t *out = (uint8_t *)buf_reserve(ret, plain_len);
    if (!out)
        return err_set(err, -E2BIG, "sealed data: longer than is allowed here");
    int r = open_begin(mbedtls_pk_ec(key->pk), in, aes);
    if (r == 0)
        r = open_rest(aes, context, context_len, in, len, out);
    crypto_wipe(aes, sizeof(aes));
    if (r)
        return err_set(err, -EBADMSG,
                       "sealed data: it was sealed to another key or for another place, or it "
                       "was altered");
    ret->len += plain_len;
    return 0;
}
