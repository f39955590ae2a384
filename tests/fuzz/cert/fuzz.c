/* Certificates that clients offer, and keys that people put into files: PEM, or DER that is put
 * into PEM here so that a fuzzer gets behind the base64. */

#include "common/base/str.h"
#include "common/crypto/cert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_info(const struct cert_info *info)
{
    size_t count = 0;
    check(strlen(info->common_name) <= 64 && !strpbrk(info->common_name, ",=\n"));
    check(str_is_utf8(info->common_name, strlen(info->common_name)));
    check(strlen(info->key_id) == SHA256_HEX && strlen(info->serial) <= 64);
    while (info->organizations[count])
        check(!strpbrk(info->organizations[count++], ",=\n"));
    check(count <= 64);
}

static void certificate(const char *pem, size_t size)
{
    struct cert_info info = {0};
    struct err err = {0};
    int r = cert_parse(pem, size, &info, &err);
    if (r)
        check(err.code == r && *err.msg && !info.organizations);
    else
        check_info(&info);
    cert_info_done(&info);
    check(cert_verify(pem, size, pem, size, -1, &err) <= 0);
}

static void keys(const char *pem, size_t size)
{
    struct err err = {0};
    cleanup(key_free) struct key *public = NULL, *private = NULL;
    check((key_parse_public(pem, size, &public, &err) == 0) == (public != NULL));
    check((key_parse_private(pem, size, &private, &err) == 0) == (private != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {"CERTIFICATE", "PUBLIC KEY", "PRIVATE KEY",
                                         "EC PRIVATE KEY"};
    if (size && data[0] == '-') {
        certificate((const char *)data, size);
        keys((const char *)data, size);
        return 0;
    }
    autofree char *text = base64_encode(data, size);
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        cleanup(buf_done) struct buf pem = {0};
        check(buf_addf(&pem, "-----BEGIN %s-----\n%s\n-----END %s-----\n", labels[i], text,
                       labels[i]) == 0);
        certificate(pem.data, pem.len);
        keys(pem.data, pem.len);
    }
    return 0;
}
