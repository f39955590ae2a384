#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/mbed.h"

#include <errno.h>

#ifndef MBEDTLS_ECDSA_DETERMINISTIC
#error "mbedtls must be built with MBEDTLS_ECDSA_DETERMINISTIC (RFC 6979)"
#endif

#define PRIVATE_DER_MAX 256 /* a P-256 ECPrivateKey is 121 bytes */

static struct key *key_new(void)
{
    struct key *key = xcalloc(1, sizeof(*key));
    mbedtls_pk_init(&key->pk);
    return key;
}

void key_free(struct key *key)
{
    if (!key)
        return;
    mbedtls_pk_free(&key->pk);
    free(key);
}

int key_generate(struct key **ret, struct err *err)
{
    cleanup(key_free) struct key *key = key_new();
    int r = mbedtls_pk_setup(&key->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (r == 0)
        r = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key->pk), mbed_rng, NULL);
    if (r)
        return mbed_err(err, -EIO, r, "a key pair cannot be made");
    key->private = true;
    *ret = steal(key);
    return 0;
}

/* 2.28 believes the public point that stands in a private key's file: compute it instead. */
static int restore_public(mbedtls_ecp_keypair *ec)
{
    mbedtls_ecp_point q;
    mbedtls_ecp_point_init(&q);
    int r = mbedtls_ecp_check_privkey(&ec->grp, &ec->d);
    if (r == 0)
        r = mbedtls_ecp_mul(&ec->grp, &q, &ec->d, &ec->grp.G, mbed_rng, NULL);
    if (r == 0 && mbedtls_ecp_point_cmp(&q, &ec->Q) != 0)
        r = MBEDTLS_ERR_ECP_INVALID_KEY;
    mbedtls_ecp_point_free(&q);
    return r;
}

int mbed_key_take(mbedtls_pk_context *pk, bool private, struct key **ret, struct err *err)
{
    if (mbedtls_pk_get_type(pk) != MBEDTLS_PK_ECKEY ||
        mbedtls_pk_ec(*pk)->grp.id != MBEDTLS_ECP_DP_SECP256R1)
        return err_set(err, -EINVAL, "the key is not an elliptic-curve key on NIST P-256");
    mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*pk);
    int r = mbedtls_ecp_check_pubkey(&ec->grp, &ec->Q);
    if (r == 0 && private)
        r = restore_public(ec);
    if (r)
        return mbed_err(err, -EINVAL, r, "the key is not valid");
    struct key *key = xcalloc(1, sizeof(*key));
    key->pk = *pk; /* moved: the context holds pointers only */
    mbedtls_pk_init(pk);
    key->private = private;
    *ret = key;
    return 0;
}

static int key_parse(const char *pem, size_t len, bool private, struct key **ret, struct err *err)
{
    const char *what = private ? "private key" : "public key";
    char *text;
    int r = mbed_pem_text(what, pem, len, &text, err);
    if (r)
        return r;
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    const unsigned char *data = (const unsigned char *)text;
    r = private ? mbed_pk_parse_private(&pk, data, len + 1)
                : mbedtls_pk_parse_public_key(&pk, data, len + 1);
    crypto_wipe(text, len);
    free(text);
    if (r == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || r == MBEDTLS_ERR_PK_PASSWORD_MISMATCH)
        r = err_set(err, -EINVAL, "%s: is encrypted with a password; give it without one", what);
    else if (r)
        r = mbed_err(err, -EINVAL, r, "%s: cannot be read", what);
    else
        r = mbed_key_take(&pk, private, ret, err);
    mbedtls_pk_free(&pk);
    return r;
}

int key_parse_private(const char *pem, size_t len, struct key **ret, struct err *err)
{
    return key_parse(pem, len, true, ret, err);
}

int key_parse_public(const char *pem, size_t len, struct key **ret, struct err *err)
{
    return key_parse(pem, len, false, ret, err);
}

int key_write_private(const struct key *key, struct buf *ret, struct err *err)
{
    if (!key->private)
        return err_set(err, -EINVAL, "only the public half of the key is known");
    uint8_t der[PRIVATE_DER_MAX];
    mbedtls_pk_context pk = key->pk; /* 2.28 lacks the const */
    int len = mbedtls_pk_write_key_der(&pk, der, sizeof(der));
    int r = len < 0
                ? mbed_err(err, -EINVAL, len, "the private key cannot be written")
                : mbed_pem_write("EC PRIVATE KEY", der + sizeof(der) - len, (size_t)len, ret, err);
    crypto_wipe(der, sizeof(der));
    return r;
}

int key_write_public(const struct key *key, struct buf *ret, struct err *err)
{
    uint8_t der[SPKI_MAX], *start;
    int len = mbed_spki(&key->pk, der, &start, err);
    return len < 0 ? len : mbed_pem_write("PUBLIC KEY", start, (size_t)len, ret, err);
}

int key_id(const struct key *key, char ret[SHA256_HEX + 1], struct err *err)
{
    return mbed_spki_id(&key->pk, ret, err);
}

int key_sign(const struct key *key, const void *data, size_t len, uint8_t ret[SIGNATURE_MAX],
             size_t *ret_len, struct err *err)
{
    if (!key->private)
        return err_set(err, -EINVAL, "signing needs the private key");
    uint8_t hash[SHA256_LEN], sig[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t sig_len = 0;
    sha256(data, len, hash);
    mbedtls_pk_context pk = key->pk;
    int r = mbed_pk_sign(&pk, hash, sig, sizeof(sig), &sig_len);
    if (r || sig_len > SIGNATURE_MAX)
        return mbed_err(err, -EIO, r, "signing failed");
    memcpy(ret, sig, sig_len);
    *ret_len = sig_len;
    return 0;
}

int key_verify(const struct key *key, const void *data, size_t len, const uint8_t *sig,
               size_t sig_len, struct err *err)
{
    uint8_t hash[SHA256_LEN];
    sha256(data, len, hash);
    mbedtls_pk_context pk = key->pk;
    int r = mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, hash, sizeof(hash), sig, sig_len);
    if (r && !WEAKENED(KEY_VERIFY))
        return err_set(err, -EBADMSG, "the signature does not match");
    return 0;
}
