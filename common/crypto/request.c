/* Certificate requests of people and programs, with keys of their own choice. */

#include "common/base/mem.h"
#include "common/base/weaken.h"
#include "common/crypto/cert.h"
#include "common/crypto/mbed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_MIN = 2048, RSA_MAX = 4096, REQUEST_MAX = 16 * 1024 };

static int check_key(const mbedtls_pk_context *pk, struct err *err)
{
    mbedtls_pk_type_t type = mbedtls_pk_get_type(pk);
    size_t bits = mbedtls_pk_get_bitlen(pk);
    if (type == MBEDTLS_PK_RSA && bits >= RSA_MIN && bits <= RSA_MAX)
        return 0;
    if (type == MBEDTLS_PK_ECKEY && (bits == 256 || bits == 384 || bits == 521))
        return 0;
    return err_set(err, -EINVAL,
                   "its key is neither RSA of %d to %d bits nor on NIST's P-256, "
                   "P-384 or P-521",
                   RSA_MIN, RSA_MAX);
}

static int check_signature(mbedtls_x509_csr *csr, struct err *err)
{
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(csr->sig_md);
    bool strong = csr->sig_md == MBEDTLS_MD_SHA256 || csr->sig_md == MBEDTLS_MD_SHA384 ||
                  csr->sig_md == MBEDTLS_MD_SHA512;
    if (!md || !strong)
        return err_set(err, -EINVAL, "it is not signed with SHA-256, SHA-384 or SHA-512");
    int r = mbedtls_md(md, csr->cri.p, csr->cri.len, hash);
    if (r == 0)
        r = mbedtls_pk_verify_ext(csr->sig_pk, csr->sig_opts, &csr->pk, csr->sig_md, hash,
                                  mbedtls_md_get_size(md), csr->sig.p, csr->sig.len);
    if (r && !WEAKENED(REQUEST_SIGNATURE))
        return err_set(err, -EBADMSG, "its signature does not match its key");
    return 0;
}

static int read_request(mbedtls_x509_csr *csr, struct request_info *ret, struct err *err)
{
    const char *name;
    size_t len;
    int r = check_key(&csr->pk, err);
    if (r == 0)
        r = check_signature(csr, err);
    if (r == 0)
        r = mbed_name_common(&csr->subject, &name, &len, err);
    if (r == 0 && len == 0)
        r = err_set(err, -EINVAL, "it has no common name");
    if (r == 0)
        r = mbed_name_organizations(&csr->subject, &ret->organizations, err);
    if (r == 0)
        r = mbed_csr_names(csr, ret, err);
    if (r)
        return r;
    memcpy(ret->common_name, name, len);
    ret->common_name[len] = '\0';
    ret->key = xcalloc(1, sizeof(*ret->key));
    ret->key->pk = csr->pk; /* moved: the context holds pointers only */
    mbedtls_pk_init(&csr->pk);
    return 0;
}

int request_parse(const char *pem, size_t len, struct request_info *ret, struct err *err)
{
    if (len > REQUEST_MAX)
        return err_set(err, -E2BIG, "certificate request: longer than %d bytes", REQUEST_MAX);
    struct request_info info = {0};
    mbedtls_x509_csr csr;
    int r = mbed_csr_read(pem, len, &csr, err);
    if (r == 0 && (r = read_request(&csr, &info, err)) != 0)
        (void)err_wrap(err, "certificate request");
    mbedtls_x509_csr_free(&csr);
    if (r)
        request_info_done(&info);
    else
        *ret = info;
    return r;
}

static void free_list(char **list)
{
    for (char **text = list; text && *text; text++)
        free(*text);
    free(list);
}

void request_info_done(struct request_info *info)
{
    free_list(info->organizations);
    free_list(info->dns);
    free_list(info->ips);
    key_free(info->key);
    *info = (struct request_info){0};
}
