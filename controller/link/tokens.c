#include "controller/link/tokens.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <stdio.h>

/* The text of a key; caller frees; NULL if absent or not base64. */
static char *text_of(const struct value *secret, const char *key)
{
    const char *coded = value_get_str(value_get(secret, "data"), key);
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (!coded || base64_decode(coded, strlen(coded), &bytes, &len) < 0)
        return NULL;
    return (char *)bytes;
}

bool token_read(const struct value *secret, struct token *ret)
{
    if (!str_eq(value_get_str(secret, "type"), TOKEN_TYPE))
        return false;
    autofree char *id = text_of(secret, "token-id");
    autofree char *hex = text_of(secret, "token-secret");
    autofree char *expires = text_of(secret, "expiration");
    autofree char *name = xasprintf("%s%s", TOKEN_NAME_PREFIX, id ? id : "");
    struct token token = {.expires_ns = INT64_MAX};
    bool good = id && hex && topic_token_valid(id) && str_eq(object_name(secret), name) &&
                hex_decode(hex, strlen(hex), token.secret, ENROLL_SECRET_LEN) == 0 &&
                (!expires || clock_parse(expires, &token.expires_ns) == 0);
    if (!good)
        return false;
    const char *used_by = object_annotation(secret, TOKEN_USED_BY);
    snprintf(token.id, sizeof(token.id), "%s", id);
    snprintf(token.used_by, sizeof(token.used_by), "%s", used_by ? used_by : "");
    *ret = token;
    return true;
}
