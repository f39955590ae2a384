/* Reading and verifying certificates. */

#include "common/crypto/cert.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/mbed.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { ORGANIZATIONS_MAX = 64, SERIAL_MAX = 32 };

int mbed_crt_parse(const char *what, const char *pem, size_t len, mbedtls_x509_crt *ret,
                   struct err *err)
{
    char *text;
    int r = mbed_pem_text(what, pem, len, &text, err);
    if (r)
        return r;
    r = mbedtls_x509_crt_parse(ret, (const unsigned char *)text, len + 1);
    free(text);
    if (r < 0)
        return mbed_err(err, -EINVAL, r, "%s: cannot be read", what);
    if (r > 0) /* mbedtls skips what it cannot read; a list must be right as a whole */
        return err_set(err, -EINVAL, "%s: %d of its certificates cannot be read", what, r);
    return 0;
}

static int64_t seconds(const mbedtls_x509_time *t)
{
    struct tm tm = {.tm_year = t->year - 1900,
                    .tm_mon = t->mon - 1,
                    .tm_mday = t->day,
                    .tm_hour = t->hour,
                    .tm_min = t->min,
                    .tm_sec = t->sec};
    return (int64_t)timegm(&tm);
}

static int read_organizations(const mbedtls_x509_name *subject, char **list, struct err *err)
{
    size_t count = 0;
    for (const mbedtls_x509_name *n = subject; n; n = n->next) {
        if (!n->oid.p || MBEDTLS_OID_CMP(MBEDTLS_OID_AT_ORGANIZATION, &n->oid) != 0)
            continue;
        if (count == ORGANIZATIONS_MAX)
            return err_set(err, -E2BIG, "more than %d organizations", ORGANIZATIONS_MAX);
        int r = mbed_name_check("organization", n->val.p, n->val.len, err);
        if (r)
            return r;
        list[count++] = xstrndup((const char *)n->val.p, n->val.len);
    }
    return 0;
}

static int read_info(const mbedtls_x509_crt *crt, struct cert_info *ret, struct err *err)
{
    const char *name;
    size_t len;
    int r = mbed_name_common(&crt->subject, &name, &len, err);
    if (r)
        return r;
    memcpy(ret->common_name, name, len);
    if (crt->serial.len > SERIAL_MAX)
        return err_set(err, -EINVAL, "the serial number is longer than %d bytes", SERIAL_MAX);
    hex_encode(crt->serial.p, crt->serial.len, ret->serial);
    ret->not_before_s = seconds(&crt->valid_from);
    ret->not_after_s = seconds(&crt->valid_to);
    r = mbed_spki_id(&crt->pk, ret->key_id, err);
    return r ? r : read_organizations(&crt->subject, ret->organizations, err);
}

int mbed_name_organizations(const mbedtls_x509_name *subject, char ***ret, struct err *err)
{
    char **list = xcalloc(ORGANIZATIONS_MAX + 1, sizeof(char *));
    int r = read_organizations(subject, list, err);
    if (r == 0) {
        *ret = list;
        return 0;
    }
    for (char **o = list; *o; o++)
        free(*o);
    free(list);
    return r;
}

int mbed_crt_info(const mbedtls_x509_crt *crt, struct cert_info *ret, struct err *err)
{
    struct cert_info info = {.organizations = xcalloc(ORGANIZATIONS_MAX + 1, sizeof(char *))};
    int r = read_info(crt, &info, err);
    if (r) {
        cert_info_done(&info);
        return r;
    }
    *ret = info;
    return 0;
}

int cert_parse(const char *pem, size_t len, struct cert_info *ret, struct err *err)
{
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    int r = mbed_crt_parse("certificate", pem, len, &crt, err);
    if (r == 0) {
        r = mbed_crt_info(&crt, ret, err);
        if (r)
            (void)err_wrap(err, "certificate");
    }
    mbedtls_x509_crt_free(&crt);
    return r;
}

int cert_public_key(const char *pem, size_t len, struct key **ret, struct err *err)
{
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    int r = mbed_crt_parse("certificate", pem, len, &crt, err);
    if (r == 0) {
        r = mbed_key_take(&crt.pk, false, ret, err);
        if (r)
            (void)err_wrap(err, "certificate");
    }
    mbedtls_x509_crt_free(&crt);
    return r;
}

void cert_info_done(struct cert_info *info)
{
    for (char **o = info->organizations; o && *o; o++)
        free(*o);
    free(info->organizations);
    *info = (struct cert_info){0};
}

/* The dates are judged by the caller's clock, not by the process'. */
int mbed_crt_check_dates(void *now_s, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    int64_t now = *(const int64_t *)now_s;
    (void)depth;
    *flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
    if (now < 0 || WEAKENED(CERT_DATES))
        return 0;
    if (now > seconds(&crt->valid_to))
        *flags |= MBEDTLS_X509_BADCERT_EXPIRED;
    if (now < seconds(&crt->valid_from))
        *flags |= MBEDTLS_X509_BADCERT_FUTURE;
    return 0;
}

static const struct {
    uint32_t flag;
    const char *text;
} reasons[] = {
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "it is not signed by a trusted authority"},
    {MBEDTLS_X509_BADCERT_CN_MISMATCH, "it is for another name"},
    {MBEDTLS_X509_BADCERT_EXPIRED, "it has expired"},
    {MBEDTLS_X509_BADCERT_FUTURE, "it is not valid yet"},
    {MBEDTLS_X509_BADCERT_REVOKED, "it was revoked"},
    {MBEDTLS_X509_BADCERT_MISSING, "there is none"},
    {MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE |
         MBEDTLS_X509_BADCERT_NS_CERT_TYPE,
     "it is meant for another use"},
    {MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
     "its algorithms or its key are too weak"},
};

void mbed_crt_reasons(uint32_t flags, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = 0;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (!(flags & reasons[i].flag) || used >= size)
            continue;
        int n = snprintf(ret + used, size - used, "%s%s", used ? ", " : "", reasons[i].text);
        used += n > 0 ? (size_t)n : 0;
    }
    if (!ret[0])
        snprintf(ret, size, "verification failed (flags 0x%x)", (unsigned)flags);
}

int cert_verify(const char *pem, size_t len, const char *ca_pem, size_t ca_len, int64_t now_s,
                struct err *err)
{
    mbedtls_x509_crt crt, ca;
    mbedtls_x509_crt_init(&crt);
    mbedtls_x509_crt_init(&ca);
    int r = mbed_crt_parse("certificate", pem, len, &crt, err);
    if (r == 0)
        r = mbed_crt_parse("authority's certificate", ca_pem, ca_len, &ca, err);
    if (r == 0) {
        uint32_t flags = 0;
        int v =
            mbedtls_x509_crt_verify(&crt, &ca, NULL, NULL, &flags, mbed_crt_check_dates, &now_s);
        if (v && !WEAKENED(CERT_VERIFY)) {
            char why[160];
            mbed_crt_reasons(flags, why, sizeof(why));
            r = err_set(err, -EKEYREJECTED, "certificate: %s", why);
        }
    }
    mbedtls_x509_crt_free(&crt);
    mbedtls_x509_crt_free(&ca);
    return r;
}
