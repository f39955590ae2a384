/* Issuing certificates. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "common/crypto/mbed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { CRT_MAX = 8192, SAN_MAX = 4096, SERIAL_LEN = 16, KEY_HASH_LEN = 20 };
enum { SAN_DNS = 2, SAN_IP = 7 }; /* RFC 5280 section 4.2.1.6, GeneralName */

/* A request as it is worked on. */
struct issue {
    const struct cert_spec *spec;
    const struct key *subject_key, *issuer_key;
    mbedtls_x509_crt *issuer; /* NULL: self-signed */
    mbedtls_x509write_cert crt;
};

static int set_name(struct issue *is, struct err *err)
{
    const struct cert_spec *spec = is->spec;
    const char *cn = spec->common_name ? spec->common_name : "";
    int r = mbed_name_check("common name", cn, strlen(cn), err);
    for (const char *const *o = spec->organizations; r == 0 && o && *o; o++) {
        r = mbed_name_check("organization", *o, strlen(*o), err);
        if (r == 0)
            mbed_name_add(&is->crt.subject, MBEDTLS_OID_AT_ORGANIZATION,
                          MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_ORGANIZATION), MBEDTLS_ASN1_UTF8_STRING,
                          *o, strlen(*o));
    }
    if (r == 0)
        mbed_name_add(&is->crt.subject, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN),
                      MBEDTLS_ASN1_UTF8_STRING, cn, strlen(cn));
    return r;
}

/* The issuer's name must be its subject byte for byte, string types included. */
static int set_issuer_name(struct issue *is, struct err *err)
{
    const mbedtls_x509_name *name = is->issuer ? &is->issuer->subject : NULL;
    for (; name; name = name->next) {
        if (name->next_merged)
            return err_set(err, -ENOTSUP, "issuer: its name has several attributes in one part");
        mbed_name_add(&is->crt.issuer, name->oid.p, name->oid.len, name->val.tag, name->val.p,
                      name->val.len);
    }
    if (is->issuer)
        return 0;
    struct issue self = *is; /* the subject's name once more, on the other list */
    self.crt.subject = NULL;
    int r = set_name(&self, err);
    is->crt.issuer = self.crt.subject;
    return r;
}

static int format_time(int64_t s, char ret[16], struct err *err)
{
    struct tm tm;
    time_t t = (time_t)s;
    if (s < 0 || s > INT64_C(253402300799) || !gmtime_r(&t, &tm)) /* the end of the year 9999 */
        return err_set(err, -ERANGE, "validity: %lld is not a time from 1970 to 9999",
                       (long long)s);
    snprintf(ret, 16, "%04u%02u%02u%02u%02u%02u", (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
    return 0;
}

static int set_validity(struct issue *is, struct err *err)
{
    char from[16], to[16];
    if (is->spec->not_after_s < is->spec->not_before_s)
        return err_set(err, -EINVAL, "validity: ends before it begins");
    int r = format_time(is->spec->not_before_s, from, err);
    if (r == 0)
        r = format_time(is->spec->not_after_s, to, err);
    if (r)
        return r;
    r = mbedtls_x509write_crt_set_validity(&is->crt, from, to);
    return r ? mbed_err(err, -EINVAL, r, "validity") : 0;
}

static int set_serial(struct issue *is, struct err *err)
{
    uint8_t serial[SERIAL_LEN];
    rng_fill(rng_system(), serial, sizeof(serial));
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40); /* positive, and never shorter */
    int r = mbed_crt_set_serial(&is->crt, serial, sizeof(serial));
    return r ? mbed_err(err, -EINVAL, r, "serial number") : 0;
}

/* mbedtls writes ASN.1 backwards, from the end of the buffer. */
struct writer {
    uint8_t *pos, *start;
    int len; /* or mbedtls' error */
};

static void put(struct writer *w, int written)
{
    if (w->len >= 0)
        w->len = written < 0 ? written : w->len + written;
}

static void put_header(struct writer *w, uint8_t tag)
{
    if (w->len >= 0)
        put(w, mbedtls_asn1_write_len(&w->pos, w->start, (size_t)w->len));
    if (w->len >= 0)
        put(w, mbedtls_asn1_write_tag(&w->pos, w->start, tag));
}

static void put_general_name(struct writer *w, uint8_t kind, const void *value, size_t len)
{
    struct writer name = {w->pos, w->start, w->len < 0 ? w->len : 0};
    if (name.len >= 0)
        put(&name, mbedtls_asn1_write_raw_buffer(&name.pos, name.start, value, len));
    put_header(&name, (uint8_t)(MBEDTLS_ASN1_CONTEXT_SPECIFIC | kind));
    w->pos = name.pos;
    put(w, name.len);
}

static int put_ip(struct writer *w, const char *text, struct err *err)
{
    uint8_t address[16];
    if (inet_pton(AF_INET, text, address) == 1)
        put_general_name(w, SAN_IP, address, 4);
    else if (inet_pton(AF_INET6, text, address) == 1)
        put_general_name(w, SAN_IP, address, 16);
    else
        return err_set(err, -EINVAL, "\"%.64s\" is not an IP address", text);
    return 0;
}

static int put_dns(struct writer *w, const char *text, struct err *err)
{
    size_t len = strlen(text);
    if (len < 1 || len > 253 ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*") != len)
        return err_set(err, -EINVAL, "\"%.64s\" is not a DNS name", text);
    put_general_name(w, SAN_DNS, text, len);
    return 0;
}

static size_t list_len(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

static int set_extension(struct issue *is, const char *what, const char *oid, size_t oid_len,
                         const struct writer *w, struct err *err)
{
    int r = w->len < 0 ? w->len
                       : mbedtls_x509write_crt_set_extension(&is->crt, oid, oid_len, 0, w->pos,
                                                             (size_t)w->len);
    return r ? mbed_err(err, -EINVAL, r, "%s", what) : 0;
}

static int set_alternative_names(struct issue *is, struct err *err)
{
    uint8_t der[SAN_MAX];
    struct writer w = {der + sizeof(der), der, 0};
    int r = 0;
    for (size_t i = list_len(is->spec->ips); r == 0 && i-- > 0;)
        r = put_ip(&w, is->spec->ips[i], err);
    for (size_t i = list_len(is->spec->dns); r == 0 && i-- > 0;)
        r = put_dns(&w, is->spec->dns[i], err);
    if (r || w.len == 0)
        return r;
    put_header(&w, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    return set_extension(is, "alternative names", MBEDTLS_OID_SUBJECT_ALT_NAME,
                         MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), &w, err);
}

/* RFC 7093 method 1 (SHA-256, cut), so that nothing here needs SHA-1. */
static int set_key_identifiers(struct issue *is, struct err *err)
{
    uint8_t der[64], spki[SPKI_MAX], hash[SHA256_LEN], *start;
    const struct key *keys[2] = {is->subject_key, is->issuer_key};
    for (int i = 0; i < 2; i++) {
        int len = mbed_spki(&keys[i]->pk, spki, &start, err);
        if (len < 0)
            return len;
        sha256(start, (size_t)len, hash);
        struct writer w = {der + sizeof(der), der, 0};
        put(&w, mbedtls_asn1_write_raw_buffer(&w.pos, w.start, hash, KEY_HASH_LEN));
        put_header(&w, i == 0 ? MBEDTLS_ASN1_OCTET_STRING : MBEDTLS_ASN1_CONTEXT_SPECIFIC);
        if (i == 1)
            put_header(&w, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
        const char *oid =
            i == 0 ? MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER : MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER;
        int r = set_extension(is, "key identifier", oid, strlen(oid), &w, err);
        if (r)
            return r;
    }
    return 0;
}

static int set_use(struct issue *is, struct err *err)
{
    const struct cert_spec *spec = is->spec;
    /* Room for one more authority below a root (a cross-signed successor), none below that. */
    int r = mbedtls_x509write_crt_set_basic_constraints(&is->crt, spec->ca, is->issuer ? 0 : 1);
    unsigned usage = spec->ca ? MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN
                              : MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
    if (r == 0)
        r = mbedtls_x509write_crt_set_key_usage(&is->crt, usage);
    if (r)
        return mbed_err(err, -EINVAL, r, "key usage");
    if (!spec->server && !spec->client)
        return 0;
    uint8_t der[64];
    struct writer w = {der + sizeof(der), der, 0};
    if (spec->client)
        put(&w, mbedtls_asn1_write_oid(&w.pos, w.start, MBEDTLS_OID_CLIENT_AUTH,
                                       MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)));
    if (spec->server)
        put(&w, mbedtls_asn1_write_oid(&w.pos, w.start, MBEDTLS_OID_SERVER_AUTH,
                                       MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)));
    put_header(&w, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    return set_extension(is, "extended key usage", MBEDTLS_OID_EXTENDED_KEY_USAGE,
                         MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE), &w, err);
}

static int check_issuer(const struct issue *is, struct err *err)
{
    char want[SHA256_HEX + 1], have[SHA256_HEX + 1];
    if (!is->issuer_key->private)
        return err_set(err, -EINVAL, "issuer: its private key is needed");
    const mbedtls_pk_context *pk = is->issuer ? &is->issuer->pk : &is->subject_key->pk;
    int r = mbed_spki_id(pk, want, err);
    if (r == 0)
        r = key_id(is->issuer_key, have, err);
    if (r)
        return r;
    if (strcmp(want, have) != 0)
        return err_set(err, -EINVAL,
                       is->issuer ? "issuer: the key does not belong to the certificate"
                                  : "a self-signed certificate is signed by its own key");
    if (is->issuer && !is->issuer->ca_istrue)
        return err_set(err, -EINVAL, "issuer: its certificate is not an authority's");
    return 0;
}

static int issue_write(struct issue *is, struct buf *ret, struct err *err)
{
    static int (*const steps[])(struct issue *, struct err *) = {
        set_name, set_issuer_name,       set_validity,        set_serial,
        set_use,  set_alternative_names, set_key_identifiers,
    };
    mbedtls_pk_context subject = is->subject_key->pk, issuer = is->issuer_key->pk;
    mbedtls_x509write_crt_set_version(&is->crt, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&is->crt, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&is->crt, &subject);
    mbedtls_x509write_crt_set_issuer_key(&is->crt, &issuer);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int r = steps[i](is, err);
        if (r)
            return r;
    }
    uint8_t der[CRT_MAX];
    int len = mbedtls_x509write_crt_der(&is->crt, der, sizeof(der), mbed_rng, NULL);
    if (len < 0)
        return mbed_err(err, -EINVAL, len, "it cannot be written");
    return mbed_pem_write("CERTIFICATE", der + sizeof(der) - len, (size_t)len, ret, err);
}

int cert_issue(const struct cert_spec *spec, const struct key *subject_key, const char *issuer_pem,
               const struct key *issuer_key, struct buf *ret_pem, struct err *err)
{
    mbedtls_x509_crt issuer;
    mbedtls_x509_crt_init(&issuer);
    struct issue is = {spec, subject_key, issuer_key, issuer_pem ? &issuer : NULL};
    mbedtls_x509write_crt_init(&is.crt);
    int r = 0;
    if (issuer_pem)
        r = mbed_crt_parse("issuer", issuer_pem, strlen(issuer_pem), &issuer, err);
    if (r == 0)
        r = check_issuer(&is, err);
    if (r == 0)
        r = issue_write(&is, ret_pem, err);
    mbedtls_x509write_crt_free(&is.crt);
    mbedtls_x509_crt_free(&issuer);
    if (r)
        (void)err_wrap(err, "certificate for \"%.64s\"",
                       spec->common_name ? spec->common_name : "");
    return r;
}
