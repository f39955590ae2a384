/* A bearer token from anybody: read, and what it says looked at. Input that begins with '{' is
 * taken for the claims of a token, so that a fuzzer gets behind base64. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/auth/jwt.h"
#include "controller/auth/sa_claims.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* What is taken for a ServiceAccount's says the same when it is written again. */
static void check_claims(const struct value *claims)
{
    struct sa_claims first, second;
    struct err err = {0};
    (void)jwt_is_for(claims, SA_ISSUER);
    int times = jwt_check_times(claims, 1000, true, &err);
    if (!sa_claims_read(claims, &first) || times < 0 || !first.audiences)
        return;
    cleanup(value_free) struct value *again = sa_claims_write(&first);
    check(sa_claims_read(again, &second));
    check(str_eq(first.ns, second.ns) && str_eq(first.name, second.name));
    check(str_eq(first.uid, second.uid) && str_eq(first.bound.uid, second.bound.uid));
}

static void token(const char *text, size_t len)
{
    struct jwt jwt;
    struct err err = {0};
    int rc = jwt_parse(text, len, &jwt, &err);
    if (rc < 0) {
        check(err.code == rc && *err.msg);
        return;
    }
    check(value_type(jwt.claims) == VALUE_MAP && jwt.signed_len < len);
    check_claims(jwt.claims);
    jwt_done(&jwt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || data[0] != '{') {
        token((const char *)data, size);
        return 0;
    }
    uint8_t signature[SIGNATURE_RAW_LEN] = {0};
    autofree char *claims = base64url_encode(data, size);
    autofree char *last = base64url_encode(signature, sizeof(signature));
    autofree char *text = xasprintf("eyJhbGciOiJFUzI1NiJ9.%s.%s", claims, last);
    token(text, strlen(text));
    return 0;
}
