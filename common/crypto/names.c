/* Names that certificates and requests hold beside the subject: extensions of requests (RFC 2986),
 * alternative names (RFC 5280 section 4.2.1.6). */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "common/crypto/mbed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAMES_MAX = 64, DNS_MAX = 253 };
enum { SAN_DNS = 2, SAN_IP = 7 };

/* One tag-length-value: *p moves behind it, *ret_end is the end of its value, *ret_value its start.
 */
static int take(unsigned char **p, const unsigned char *end, int tag, unsigned char **ret_value)
{
    size_t len;
    int r = mbedtls_asn1_get_tag(p, end, &len, tag);
    if (r)
        return r;
    *ret_value = *p;
    *p += len;
    return 0;
}

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define SET (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET)
#define ATTRIBUTES (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_CONTEXT_SPECIFIC)

struct wanted {
    const void *oid;
    size_t oid_len;
};

/* Extension ::= SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING } in [p, end). *ret
 * stays NULL when it is not there; two are an error. */
static int find_extension(const struct wanted *wanted, unsigned char *p, unsigned char *end,
                          unsigned char **ret, size_t *ret_len)
{
    while (p < end) {
        unsigned char *ext, *oid, *value;
        int r = take(&p, end, SEQUENCE, &ext);
        if (r)
            return r;
        unsigned char *ext_end = p;
        r = take(&ext, ext_end, MBEDTLS_ASN1_OID, &oid);
        size_t oid_len = r ? 0 : (size_t)(ext - oid);
        if (r == 0 && ext < ext_end && *ext == MBEDTLS_ASN1_BOOLEAN)
            r = take(&ext, ext_end, MBEDTLS_ASN1_BOOLEAN, &value);
        if (r == 0)
            r = take(&ext, ext_end, MBEDTLS_ASN1_OCTET_STRING, &value);
        if (r == 0 && ext != ext_end)
            r = MBEDTLS_ERR_ASN1_LENGTH_MISMATCH;
        if (r)
            return r;
        if (oid_len != wanted->oid_len || memcmp(oid, wanted->oid, oid_len) != 0)
            continue;
        if (*ret)
            return MBEDTLS_ERR_ASN1_INVALID_DATA;
        *ret = value;
        *ret_len = (size_t)(ext - value);
    }
    return 0;
}

/* Attribute ::= SEQUENCE { OID, SET OF value }; an extensionRequest's value is a SEQUENCE OF
 * Extension (RFC 2985 section 5.4.2). */
static int find_in_attributes(const struct wanted *wanted, unsigned char *p, unsigned char *end,
                              unsigned char **ret, size_t *ret_len)
{
    while (p < end) {
        unsigned char *attribute, *oid, *set, *extensions;
        int r = take(&p, end, SEQUENCE, &attribute);
        if (r)
            return r;
        r = take(&attribute, p, MBEDTLS_ASN1_OID, &oid);
        size_t oid_len = r ? 0 : (size_t)(attribute - oid);
        if (r == 0)
            r = take(&attribute, p, SET, &set);
        if (r)
            return r;
        if (oid_len != MBEDTLS_OID_SIZE(MBEDTLS_OID_PKCS9_CSR_EXT_REQ) ||
            memcmp(oid, MBEDTLS_OID_PKCS9_CSR_EXT_REQ, oid_len) != 0)
            continue;
        r = take(&set, attribute, SEQUENCE, &extensions);
        if (r == 0)
            r = find_extension(wanted, extensions, set, ret, ret_len);
        if (r)
            return r;
    }
    return 0;
}

/* CertificationRequestInfo ::= SEQUENCE { version, subject, SubjectPublicKeyInfo, [0] attributes }.
 */
int mbed_csr_extension(const mbedtls_x509_csr *csr, const void *oid, size_t oid_len,
                       unsigned char **ret, size_t *ret_len)
{
    const struct wanted wanted = {oid, oid_len};
    unsigned char *p = csr->cri.p, *end = p + csr->cri.len, *info, *skip, *attributes;
    int r = take(&p, end, SEQUENCE, &info);
    if (r == 0)
        r = take(&info, end, MBEDTLS_ASN1_INTEGER, &skip);
    if (r == 0)
        r = take(&info, end, SEQUENCE, &skip);
    if (r == 0)
        r = take(&info, end, SEQUENCE, &skip);
    if (r || info == end)
        return r;
    r = take(&info, end, ATTRIBUTES, &attributes);
    return r ? r : find_in_attributes(&wanted, attributes, info, ret, ret_len);
}

/* ---- alternative names ---- */

static void add(char ***list, char *text)
{
    size_t n = 0;
    while (*list && (*list)[n])
        n++;
    *list = xreallocarray(*list, n + 2, sizeof(char *));
    (*list)[n] = text;
    (*list)[n + 1] = NULL;
}

/* An address as text, the caller's; NULL: it is none. */
static char *address_text(const unsigned char *p, size_t len)
{
    char text[INET6_ADDRSTRLEN];
    if (len != 4 && len != 16)
        return NULL;
    return xstrdup(inet_ntop(len == 4 ? AF_INET : AF_INET6, p, text, sizeof(text)));
}

static int add_name(unsigned kind, const unsigned char *p, size_t len, struct request_info *ret)
{
    char *text = NULL;
    if (kind != SAN_DNS && kind != SAN_IP) {
        ret->other_names = true;
        return 0;
    }
    if (kind == SAN_IP)
        text = address_text(p, len);
    else if (len > 0 && len <= DNS_MAX && !memchr(p, 0, len))
        text = xstrndup((const char *)p, len);
    if (!text)
        return MBEDTLS_ERR_ASN1_INVALID_DATA;
    add(kind == SAN_IP ? &ret->ips : &ret->dns, text);
    return 0;
}

/* GeneralNames ::= SEQUENCE OF GeneralName, which is a choice by its tag. */
static int read_names(unsigned char *p, unsigned char *end, struct request_info *ret)
{
    unsigned char *names;
    int r = take(&p, end, SEQUENCE, &names);
    if (r == 0 && p != end)
        r = MBEDTLS_ERR_ASN1_LENGTH_MISMATCH;
    for (size_t count = 0; r == 0 && names < end; count++) {
        unsigned char tag = *names, *value;
        r = take(&names, end, tag, &value);
        if (r == 0 && (count == NAMES_MAX || !(tag & MBEDTLS_ASN1_CONTEXT_SPECIFIC)))
            r = MBEDTLS_ERR_ASN1_INVALID_DATA;
        if (r == 0)
            r = add_name(tag & MBEDTLS_ASN1_TAG_VALUE_MASK, value, (size_t)(names - value), ret);
    }
    return r;
}

int mbed_csr_names(const mbedtls_x509_csr *csr, struct request_info *ret, struct err *err)
{
    unsigned char *der = NULL;
    size_t len = 0;
    int r = mbed_csr_extension(csr, MBEDTLS_OID_SUBJECT_ALT_NAME,
                               MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), &der, &len);
    if (r == 0 && der)
        r = read_names(der, der + len, ret);
    return r ? mbed_err(err, -EINVAL, r, "its alternative names cannot be read") : 0;
}

int cert_has_name(const char *pem, size_t len, const char *name, bool *ret, struct err *err)
{
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    int r = mbed_crt_parse("certificate", pem, len, &crt, err);
    bool found = false;
    for (const mbedtls_x509_sequence *at = &crt.subject_alt_names; r == 0 && at; at = at->next) {
        unsigned kind = (unsigned)at->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
        autofree char *text = kind == SAN_IP    ? address_text(at->buf.p, at->buf.len)
                              : kind == SAN_DNS ? xstrndup((const char *)at->buf.p, at->buf.len)
                                                : NULL;
        found |= text && strcasecmp(text, name) == 0;
    }
    mbedtls_x509_crt_free(&crt);
    if (r == 0)
        *ret = found;
    return r;
}
