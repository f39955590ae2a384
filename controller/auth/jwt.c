#include "controller/auth/jwt.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdlib.h>

/* ---- base64url ---- */

static void exchange(char *text, const char *from, const char *to)
{
    for (char *p = text; *p; p++)
        for (int i = 0; i < 2; i++)
            if (*p == from[i]) {
                *p = to[i];
                break;
            }
}

char *base64url_encode(const void *data, size_t len)
{
    char *text = base64_encode(data, len);
    exchange(text, "+/", "-_");
    text[strcspn(text, "=")] = '\0';
    return text;
}

int base64url_decode(const char *text, size_t text_len, uint8_t **ret, size_t *ret_len)
{
    for (size_t i = 0; i < text_len; i++)
        if (strchr("+/=", text[i])) /* and NUL */
            return -EINVAL;
    if (text_len % 4 == 1)
        return -EINVAL;
    size_t padding = (4 - text_len % 4) % 4;
    autofree char *padded = xcalloc(1, text_len + padding + 1);
    memcpy(padded, text, text_len);
    memset(padded + text_len, '=', padding);
    exchange(padded, "-_", "+/");
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (base64_decode(padded, text_len + padding, &bytes, &len) < 0)
        return -EINVAL;
    /* What is left over of the last letter must be nothing: one token, one text. */
    autofree char *again = base64url_encode(bytes, len);
    if (strlen(again) != text_len || memcmp(again, text, text_len) != 0) {
        free(bytes);
        return -EINVAL;
    }
    *ret = bytes;
    *ret_len = len;
    return 0;
}

/* ---- reading ---- */

/* A part that is JSON, and a map. */
static int read_map(const char *what, const char *text, size_t len, struct value **ret,
                    struct err *err)
{
    autofree uint8_t *bytes = NULL;
    size_t n = 0;
    if (base64url_decode(text, len, &bytes, &n) < 0)
        return err_set(err, -EINVAL, "the %s is not base64url", what);
    cleanup(value_free) struct value *map = NULL;
    int rc = json_parse((const char *)bytes, n, &map, err);
    if (rc < 0)
        return err_wrap(err, "the %s", what);
    if (value_type(map) != VALUE_MAP)
        return err_set(err, -EINVAL, "the %s is not an object", what);
    *ret = steal(map);
    return 0;
}

/* The header decides nothing: it must say what we do anyway. */
static int check_header(const struct value *header, struct err *err)
{
    const struct value *type = value_get(header, "typ");
    if (!str_eq(value_get_str(header, "alg"), "ES256") && !WEAKENED(JWT_ALG))
        return err_set(err, -EINVAL, "alg is not ES256");
    if (type && !str_eq(value_str(type), "JWT"))
        return err_set(err, -EINVAL, "typ is not JWT");
    if (value_get(header, "crit"))
        return err_set(err, -EINVAL, "it asks for what is not known here (crit)");
    return 0;
}

static int read_signature(const char *text, size_t len, uint8_t ret[SIGNATURE_RAW_LEN],
                          struct err *err)
{
    autofree uint8_t *bytes = NULL;
    size_t n = 0;
    if (base64url_decode(text, len, &bytes, &n) < 0 || n != SIGNATURE_RAW_LEN)
        return err_set(err, -EINVAL, "the signature is not 64 bytes of base64url");
    memcpy(ret, bytes, n);
    return 0;
}

int jwt_parse(const char *token, size_t len, struct jwt *ret, struct err *err)
{
    const char *end = token + len, *first, *second;
    struct jwt jwt = {.text = token};
    cleanup(value_free) struct value *header = NULL;
    if (len > JWT_MAX)
        return err_set(err, -E2BIG, "longer than %d bytes", JWT_MAX);
    first = memchr(token, '.', len);
    second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return err_set(err, -EINVAL, "not three parts");
    jwt.signed_len = (size_t)(second - token);
    int rc = read_map("header", token, (size_t)(first - token), &header, err);
    if (rc == 0)
        rc = check_header(header, err);
    if (rc == 0)
        rc = read_signature(second + 1, (size_t)(end - second - 1), jwt.signature, err);
    if (rc == 0)
        rc = read_map("claims", first + 1, (size_t)(second - first - 1), &jwt.claims, err);
    if (rc < 0)
        return rc;
    const char *kid = value_get_str(header, "kid");
    jwt.kid = kid ? xstrdup(kid) : NULL;
    *ret = jwt;
    return 0;
}

void jwt_done(struct jwt *jwt)
{
    value_free(jwt->claims);
    free(jwt->kid);
    *jwt = (struct jwt){0};
}

int jwt_verify(const struct jwt *jwt, const struct key *key, struct err *err)
{
    if (WEAKENED(JWT_SIGNATURE))
        return 0;
    return key_verify_raw(key, jwt->text, jwt->signed_len, jwt->signature, err);
}

/* ---- what it says ---- */

/* 1 with the time, 0 if the claim is missing, -EINVAL if it is no whole number of seconds. */
static int read_time(const struct value *claims, const char *name, int64_t *ret)
{
    const struct value *value = value_get(claims, name);
    if (!value)
        return 0;
    int64_t s = value_int(value, -1);
    if (value_type(value) != VALUE_INT || s < 0 || s > INT64_C(253402300799)) /* the year 9999 */
        return -EINVAL;
    *ret = s;
    return 1;
}

int jwt_check_times(const struct value *claims, int64_t now_s, bool endless, struct err *err)
{
    int64_t exp = 0, nbf = 0, iat = 0;
    int has_exp = read_time(claims, "exp", &exp), has_nbf = read_time(claims, "nbf", &nbf);
    int has_iat = read_time(claims, "iat", &iat);
    if (has_exp < 0 || has_nbf < 0 || has_iat < 0)
        return err_set(err, -EINVAL, "its times are not whole seconds");
    if (!has_exp && !endless)
        return err_set(err, -EINVAL, "it has no end");
    if (has_exp && now_s >= exp && !WEAKENED(JWT_EXPIRY))
        return err_set(err, -EINVAL, "it has expired");
    if ((has_nbf && nbf > now_s + JWT_LEEWAY_S) || (has_iat && iat > now_s + JWT_LEEWAY_S))
        return err_set(err, -EINVAL, "it is not valid yet");
    return 0;
}

bool jwt_is_for(const struct value *claims, const char *audience)
{
    const struct value *aud = value_get(claims, "aud");
    if (value_str(aud))
        return str_eq(value_str(aud), audience);
    for (size_t i = 0; value_type(aud) == VALUE_LIST && i < value_len(aud); i++)
        if (str_eq(value_str(value_at(aud, i)), audience))
            return true;
    return false;
}

/* ---- writing ---- */

static void add_part(const struct value *map, struct buf *ret)
{
    cleanup(buf_done) struct buf json;
    buf_init(&json, 0);
    (void)json_write(map, &json);
    autofree char *text = base64url_encode(buf_str(&json), json.len);
    (void)buf_addstr(ret, text);
}

int jwt_write(const struct value *claims, const struct key *key, const char *kid, struct buf *ret,
              struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    cleanup(value_free) struct value *header = value_new_map();
    value_set_str(header, "alg", "ES256");
    value_set_str(header, "typ", "JWT");
    value_set_str(header, "kid", kid);
    add_part(header, &text);
    (void)buf_addc(&text, '.');
    add_part(claims, &text);
    uint8_t signature[SIGNATURE_RAW_LEN];
    int rc = key_sign_raw(key, text.data, text.len, signature, err);
    if (rc < 0)
        return rc;
    autofree char *last = base64url_encode(signature, sizeof(signature));
    (void)buf_addf(&text, ".%s", last);
    if (text.len > JWT_MAX)
        return err_set(err, -E2BIG, "the token would be longer than %d bytes", JWT_MAX);
    return buf_add(ret, text.data, text.len);
}
