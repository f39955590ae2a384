#pragma once
/* JSON Web Tokens (RFC 7519) signed with ES256 and nothing else, in the compact form (RFC 7515
 * section 7.1). Pure. What a token says is not to be looked at before jwt_verify. */

#include "common/base/buf.h"
#include "common/crypto/crypto.h"
#include "common/data/value.h"

#define JWT_MAX (8 * 1024) /* bytes of a token */
#define JWT_LEEWAY_S 60    /* by which the clock may differ from who issued it */

struct jwt {
    struct value *claims; /* a map */
    char *kid;            /* which key signed it; NULL: it does not say */
    const char *text;     /* borrowed: the token */
    size_t signed_len;    /* its bytes that the signature is about */
    uint8_t signature[SIGNATURE_RAW_LEN];
};
/* Reads a token: three parts of base64url without padding, a header that says ES256 and asks for
 * nothing that is not understood (crit), claims that are a map. -EINVAL, -E2BIG. token is borrowed
 * as long as ret is used. */
nodiscard int jwt_parse(const char *token, size_t len, struct jwt *ret, struct err *err);
void jwt_done(struct jwt *jwt);
/* 0, or -EBADMSG if that key did not sign it. */
nodiscard int jwt_verify(const struct jwt *jwt, const struct key *key, struct err *err);
/* Whether the times in it (exp, nbf, iat: whole seconds) let it hold at now_s. exp may be missing
 * only if `endless`. 0 or -EINVAL. */
nodiscard int jwt_check_times(const struct value *claims, int64_t now_s, bool endless,
                              struct err *err);
/* Whether aud, a text or a list of texts, names it. */
bool jwt_is_for(const struct value *claims, const char *audience);

nodiscard int jwt_write(const struct value *claims, const struct key *key, const char *kid,
                        struct buf *ret, struct err *err);

/* RFC 4648 section 5, without padding. Caller frees. */
char *base64url_encode(const void *data, size_t len);
/* Strict: no padding, no white space, no bits left over. */
nodiscard int base64url_decode(const char *text, size_t text_len, uint8_t **ret, size_t *ret_len);

#include "common/base/cleanup.h"
CLEANUP_DEFINE_VALUE(struct jwt, jwt_done);
