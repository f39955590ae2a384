#include "common/crypto/mbed.h"

#include <errno.h>
#include <mbedtls/gcm.h>
#include <mbedtls/pkcs5.h>

/* 3.6 names the digest, 2.28 wants a context of it. */
static int pbkdf2(const void *passphrase, size_t len, const void *salt, size_t salt_len,
                  uint32_t rounds, uint8_t ret[SECRET_KEY_LEN])
{
#if MBED_3
    return mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA512, passphrase, len, salt, salt_len, rounds,
                                         SECRET_KEY_LEN, ret);
#else
    mbedtls_md_context_t md;
    mbedtls_md_init(&md);
    int r = mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA512), 1);
    if (r == 0)
        r = mbedtls_pkcs5_pbkdf2_hmac(&md, passphrase, len, salt, salt_len, rounds, SECRET_KEY_LEN,
                                      ret);
    mbedtls_md_free(&md);
    return r;
#endif
}

int secret_from_passphrase(const void *passphrase, size_t len, const void *salt, size_t salt_len,
                           uint32_t rounds, uint8_t ret[SECRET_KEY_LEN], struct err *err)
{
    int r = pbkdf2(passphrase, len, salt, salt_len, rounds, ret);
    return r ? mbed_err(err, -EIO, r, "no key can be made of the passphrase") : 0;
}

int secret_seal(const uint8_t key[SECRET_KEY_LEN], const uint8_t nonce[SECRET_NONCE_LEN],
                const void *context, size_t context_len, const void *data, size_t len,
                struct buf *ret, struct err *err)
{
    uint8_t *out = len < SIZE_MAX / 2 ? (uint8_t *)buf_reserve(ret, len + SECRET_TAG_LEN) : NULL;
    if (!out)
        return err_set(err, -E2BIG, "sealing: the result is too long");
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    int r = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * SECRET_KEY_LEN);
    if (r == 0)
        r = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, len, nonce, SECRET_NONCE_LEN,
                                      context, context_len, data, out, SECRET_TAG_LEN, out + len);
    mbedtls_gcm_free(&gcm);
    if (r)
        return mbed_err(err, -EIO, r, "sealing failed");
    ret->len += len + SECRET_TAG_LEN;
    return 0;
}

int secret_open(const uint8_t key[SECRET_KEY_LEN], const uint8_t nonce[SECRET_NONCE_LEN],
                const void *context, size_t context_len, const void *sealed, size_t len,
                struct buf *ret, struct err *err)
{
    if (len < SECRET_TAG_LEN)
        return err_set(err, -EBADMSG, "sealed data: too short");
    size_t plain = len - SECRET_TAG_LEN;
    uint8_t *out = (uint8_t *)buf_reserve(ret, plain);
    if (!out)
        return err_set(err, -E2BIG, "sealed data: longer than is allowed here");
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    int r = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * SECRET_KEY_LEN);
    if (r == 0)
        r = mbedtls_gcm_auth_decrypt(&gcm, plain, nonce, SECRET_NONCE_LEN, context, context_len,
                                     (const uint8_t *)sealed + plain, SECRET_TAG_LEN, sealed, out);
    mbedtls_gcm_free(&gcm);
    if (r)
        return err_set(err, -EBADMSG, "sealed data: another key, or it was altered");
    ret->len += plain;
    return 0;
}
