/* Certificate requests (RFC 2986): a node's identity key asks, and binds its sealing key. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/cert.h"
#include "common/crypto/mbed.h"

#include <errno.h>

enum { CSR_MAX = 4096 };

/* 2.25.156351618171903567508048484959849835643, from a UUID (ITU-T X.667): decision 0005. */
static const char oid_sealing[] =
    "\x69\x81\xeb\xa0\x9c\xfc\x96\xba\xa2\xa4\xf3\xac\xbc\x92\xac\xf0\xb4\xf1\xd8\x7b";
#define OID_SEALING_LEN (sizeof(oid_sealing) - 1)

static int add_sealing(mbedtls_x509write_csr *csr, const struct key *sealing, struct err *err)
{
    uint8_t der[SPKI_MAX], *start;
    int len = mbed_spki(&sealing->pk, der, &start, err);
    if (len < 0)
        return len;
    int r = mbed_csr_set_extension(csr, oid_sealing, OID_SEALING_LEN, start, (size_t)len);
    return r ? mbed_err(err, -EINVAL, r, "the sealing key cannot be added") : 0;
}

int csr_write(const struct key *key, const char *common_name, const struct key *sealing,
              struct buf *ret_pem, struct err *err)
{
    int r = mbed_name_check("common name", common_name, strlen(common_name), err);
    if (r)
        return r;
    if (!key->private)
        return err_set(err, -EINVAL, "a certificate request needs the private key");
    mbedtls_pk_context pk = key->pk;
    mbedtls_x509write_csr csr;
    mbedtls_x509write_csr_init(&csr);
    mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
    mbedtls_x509write_csr_set_key(&csr, &pk);
    mbed_name_add(&csr.subject, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN),
                  MBEDTLS_ASN1_UTF8_STRING, common_name, strlen(common_name));
    r = sealing ? add_sealing(&csr, sealing, err) : 0;
    if (r == 0) {
        uint8_t der[CSR_MAX];
        int len = mbedtls_x509write_csr_der(&csr, der, sizeof(der), mbed_rng, NULL);
        r = len < 0 ? mbed_err(err, -EINVAL, len, "the certificate request cannot be written")
                    : mbed_pem_write("CERTIFICATE REQUEST", der + sizeof(der) - len, (size_t)len,
                                     ret_pem, err);
    }
    mbedtls_x509write_csr_free(&csr);
    return r;
}

static int check_signature(mbedtls_x509_csr *csr, struct err *err)
{
    uint8_t hash[SHA256_LEN];
    if (csr->sig_md != MBEDTLS_MD_SHA256)
        return err_set(err, -EINVAL, "it is not signed with SHA-256");
    sha256(csr->cri.p, csr->cri.len, hash);
    int r = mbedtls_pk_verify(&csr->pk, MBEDTLS_MD_SHA256, hash, sizeof(hash), csr->sig.p,
                              csr->sig.len);
    if (r && !WEAKENED(CSR_SIGNATURE))
        return err_set(err, -EBADMSG, "its signature does not match its key");
    return 0;
}

static int parse_sealing(const mbedtls_x509_csr *csr, struct key **ret, struct err *err)
{
    unsigned char *der = NULL;
    size_t len = 0;
    int r = mbed_csr_extension(csr, oid_sealing, OID_SEALING_LEN, &der, &len);
    if (r)
        return mbed_err(err, -EINVAL, r, "its attributes cannot be read");
    if (!der)
        return 0;
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    r = mbedtls_pk_parse_public_key(&pk, der, len);
    r = r ? mbed_err(err, -EINVAL, r, "the sealing key cannot be read")
          : mbed_key_take(&pk, false, ret, err);
    mbedtls_pk_free(&pk);
    return r;
}

static int check_purposes(const struct key *key, const struct key *sealing, struct err *err)
{
    char a[SHA256_HEX + 1], b[SHA256_HEX + 1];
    if (!sealing)
        return 0;
    int r = key_id(key, a, err);
    if (r == 0)
        r = key_id(sealing, b, err);
    if (r == 0 && strcmp(a, b) == 0 && !WEAKENED(CSR_ONE_PURPOSE))
        r = err_set(err, -EINVAL, "the identity key and the sealing key must not be the same");
    return r;
}

static int csr_read(mbedtls_x509_csr *csr, char **ret_common_name, struct key **ret_key,
                    struct key **ret_sealing, struct err *err)
{
    const char *name;
    size_t name_len;
    int r = mbed_name_common(&csr->subject, &name, &name_len, err);
    if (r == 0 && name_len == 0)
        r = err_set(err, -EINVAL, "it has no common name");
    if (r == 0)
        r = check_signature(csr, err);
    cleanup(key_free) struct key *sealing = NULL, *key = NULL;
    if (r == 0)
        r = parse_sealing(csr, &sealing, err);
    autofree char *cn = r ? NULL : xstrndup(name, name_len);
    if (r == 0)
        r = mbed_key_take(&csr->pk, false, &key, err);
    if (r == 0)
        r = check_purposes(key, sealing, err);
    if (r)
        return r;
    *ret_common_name = steal(cn);
    *ret_key = steal(key);
    *ret_sealing = steal(sealing);
    return 0;
}

int csr_parse(const char *pem, size_t len, char **ret_common_name, struct key **ret_key,
              struct key **ret_sealing, struct err *err)
{
    mbedtls_x509_csr csr;
    int r = mbed_csr_read(pem, len, &csr, err);
    if (r == 0 && (r = csr_read(&csr, ret_common_name, ret_key, ret_sealing, err)) != 0)
        (void)err_wrap(err, "certificate request");
    mbedtls_x509_csr_free(&csr);
    return r;
}
