#include "common/crypto/mbed.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <mbedtls/platform.h>
#include <stdio.h>

int mbed_rng(void *ctx, unsigned char *data, size_t len)
{
    (void)ctx;
    rng_fill(rng_system(), data, len);
    return 0;
}

int mbed_err(struct err *err, int code, int ret, const char *fmt, ...)
{
    char msg[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(msg, sizeof(msg), fmt, args);
    va_end(args);
    return err_set(err, code, "%s (mbedtls -0x%04x)", msg, (unsigned)-ret);
}

int mbed_pk_parse_private(mbedtls_pk_context *pk, const unsigned char *data, size_t len)
{
#if MBED_3
    return mbedtls_pk_parse_key(pk, data, len, NULL, 0, mbed_rng, NULL);
#else
    return mbedtls_pk_parse_key(pk, data, len, NULL, 0);
#endif
}

int mbed_pk_sign(mbedtls_pk_context *pk, const uint8_t hash[SHA256_LEN], uint8_t *sig,
                 size_t sig_size, size_t *ret_len)
{
#if MBED_3
    return mbedtls_pk_sign(pk, MBEDTLS_MD_SHA256, hash, SHA256_LEN, sig, sig_size, ret_len,
                           mbed_rng, NULL);
#else
    (void)sig_size;
    return mbedtls_pk_sign(pk, MBEDTLS_MD_SHA256, hash, SHA256_LEN, sig, ret_len, mbed_rng, NULL);
#endif
}

int mbed_crt_set_serial(mbedtls_x509write_cert *crt, uint8_t *serial, size_t len)
{
#if MBED_3
    return mbedtls_x509write_crt_set_serial_raw(crt, serial, len);
#else
    mbedtls_mpi number;
    mbedtls_mpi_init(&number);
    int ret = mbedtls_mpi_read_binary(&number, serial, len);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_serial(crt, &number);
    mbedtls_mpi_free(&number);
    return ret;
#endif
}

int mbed_csr_set_extension(mbedtls_x509write_csr *csr, const void *oid, size_t oid_len,
                           const uint8_t *value, size_t len)
{
#if MBED_3
    return mbedtls_x509write_csr_set_extension(csr, oid, oid_len, 0, value, len);
#else
    return mbedtls_x509write_csr_set_extension(csr, oid, oid_len, value, len);
#endif
}

int mbed_pem_text(const char *what, const char *pem, size_t len, char **ret, struct err *err)
{
    if (len > PEM_MAX)
        return err_set(err, -E2BIG, "%s: longer than %d bytes", what, PEM_MAX);
    if (memchr(pem, 0, len) || !memmem(pem, len, "-----BEGIN ", 11))
        return err_set(err, -EINVAL, "%s: not PEM text (no -----BEGIN line)", what);
    *ret = xstrndup(pem, len);
    return 0;
}

int mbed_csr_read(const char *pem, size_t len, mbedtls_x509_csr *ret, struct err *err)
{
    char *text;
    mbedtls_x509_csr_init(ret);
    int r = mbed_pem_text("certificate request", pem, len, &text, err);
    if (r)
        return r;
    r = mbedtls_x509_csr_parse(ret, (const unsigned char *)text, len + 1);
    free(text);
    return r ? mbed_err(err, -EINVAL, r, "certificate request: cannot be read") : 0;
}

int mbed_pem_write(const char *label, const uint8_t *der, size_t len, struct buf *ret,
                   struct err *err)
{
    char begin[64], end[64];
    snprintf(begin, sizeof(begin), "-----BEGIN %s-----\n", label);
    snprintf(end, sizeof(end), "-----END %s-----\n", label);
    size_t room = len * 4 / 3 + len / 48 + 160, used = 0;
    char *out = buf_reserve(ret, room);
    if (!out)
        return err_set(err, -E2BIG, "%s: the output buffer is too small", label);
    int r = mbedtls_pem_write_buffer(begin, end, der, len, (unsigned char *)out, room, &used);
    if (r)
        return mbed_err(err, -EINVAL, r, "%s: cannot be written as PEM", label);
    ret->len += used - 1; /* used counts the NUL */
    return 0;
}

void mbed_name_add(mbedtls_asn1_named_data **list, const void *oid, size_t oid_len, int tag,
                   const void *value, size_t len)
{
    /* mbedtls writes backwards, so its lists hold the last attribute first. Its own
     * mbedtls_asn1_store_named_data keeps only one attribute of a kind, and a person may have
     * several organizations. It frees what is made here, hence its allocator. */
    mbedtls_asn1_named_data *node = mbedtls_calloc(1, sizeof(*node));
    if (!node)
        abort();
    node->oid.tag = MBEDTLS_ASN1_OID;
    node->oid.len = oid_len;
    node->oid.p = mbedtls_calloc(1, oid_len);
    node->val.tag = tag;
    node->val.len = len;
    node->val.p = mbedtls_calloc(1, len + 1);
    if (!node->oid.p || !node->val.p)
        abort();
    memcpy(node->oid.p, oid, oid_len);
    if (len)
        memcpy(node->val.p, value, len);
    node->next = *list;
    *list = node;
}

int mbed_name_check(const char *what, const void *value, size_t len, struct err *err)
{
    const unsigned char *p = value;
    if (len < 1 || len > 64)
        return err_set(err, -EINVAL, "%s: must be 1-64 bytes long, has %zu", what, len);
    if (!str_is_utf8(value, len))
        return err_set(err, -EINVAL, "%s: is not valid UTF-8", what);
    for (size_t i = 0; i < len; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f || p[i] == ',' || p[i] == '=')
            return err_set(err, -EINVAL,
                           "%s: must not hold control characters, ',' or '=' (byte %zu is 0x%02x)",
                           what, i, p[i]);
    }
    return 0;
}

int mbed_name_common(const mbedtls_x509_name *subject, const char **ret, size_t *ret_len,
                     struct err *err)
{
    *ret = "";
    *ret_len = 0;
    for (const mbedtls_x509_name *n = subject; n; n = n->next) {
        if (!n->oid.p || MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) != 0)
            continue;
        if (*ret_len)
            return err_set(err, -EINVAL, "the subject has more than one common name");
        if (n->val.tag != MBEDTLS_ASN1_UTF8_STRING && n->val.tag != MBEDTLS_ASN1_PRINTABLE_STRING &&
            n->val.tag != MBEDTLS_ASN1_IA5_STRING)
            return err_set(err, -EINVAL, "the common name is not UTF-8 or ASCII text");
        int r = mbed_name_check("common name", n->val.p, n->val.len, err);
        if (r)
            return r;
        *ret = (const char *)n->val.p;
        *ret_len = n->val.len;
    }
    return 0;
}

int mbed_spki(const mbedtls_pk_context *pk, uint8_t der[SPKI_MAX], uint8_t **ret_start,
              struct err *err)
{
#if MBED_3
    int len = mbedtls_pk_write_pubkey_der(pk, der, SPKI_MAX);
#else
    int len = mbedtls_pk_write_pubkey_der((mbedtls_pk_context *)(uintptr_t)pk, der, SPKI_MAX);
#endif
    if (len < 0)
        return mbed_err(err, -EINVAL, len, "the public key cannot be written");
    *ret_start = der + SPKI_MAX - len;
    return len;
}

int mbed_spki_id(const mbedtls_pk_context *pk, char ret[SHA256_HEX + 1], struct err *err)
{
    uint8_t der[SPKI_MAX], *start;
    int len = mbed_spki(pk, der, &start, err);
    if (len < 0)
        return len;
    sha256_hex(start, (size_t)len, ret);
    return 0;
}
