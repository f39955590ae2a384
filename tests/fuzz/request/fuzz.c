/* A certificate request from anybody who may ask the API for one: PEM, or DER that is put into PEM
 * here so that a fuzzer gets behind the base64. */

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

static void request(const char *pem, size_t size)
{
    struct request_info info = {0};
    struct err err = {0};
    int r = request_parse(pem, size, &info, &err);
    if (r)
        check(err.code == r && *err.msg && !info.key && !info.organizations);
    else
        check(info.key && *info.common_name && strlen(info.common_name) <= 64);
    request_info_done(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == '-') {
        request((const char *)data, size);
        return 0;
    }
    cleanup(buf_done) struct buf pem = {0};
    autofree char *text = base64_encode(data, size);
    check(buf_addf(&pem,
                   "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n",
                   text) == 0);
    request(pem.data, pem.len);
    return 0;
}
