/* A certificate request from a node that has not proved anything yet: PEM, or DER that is put into
 * PEM here so that a fuzzer gets behind the base64. */

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

/* What is accepted has a name that can be written again, and a usable key. */
static void check_accepted(const char *name, const struct key *key)
{
    char id[SHA256_HEX + 1];
    cleanup(buf_done) struct buf pem = {0};
    cleanup(key_free) struct key *own = NULL;
    check(key_id(key, id, NULL) == 0 && strlen(id) == SHA256_HEX);
    check(key_generate(&own, NULL) == 0);
    check(csr_write(own, name, key, &pem, NULL) == 0);
}

static void request(const char *pem, size_t size)
{
    char *name = NULL;
    struct key *key = NULL, *sealing = NULL;
    struct err err = {0};
    int r = csr_parse(pem, size, &name, &key, &sealing, &err);
    if (r)
        check(err.code == r && *err.msg && !name && !key && !sealing);
    else
        check_accepted(name, key);
    free(name);
    key_free(key);
    key_free(sealing);
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
