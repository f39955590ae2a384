#pragma once
/* Tokens of ServiceAccounts: issued on demand, kept nowhere, and good as long as the account and
 * what they are bound to are there under the same uid. */

#include "controller/auth/sa_claims.h"
#include "controller/auth/who.h"

#define SA_TOKEN_MIN_S 600
#define SA_TOKEN_DEFAULT_S 3600
#define SA_TOKEN_MAX_S (INT64_C(1) << 32)

struct key;
struct sa_tokens;
struct sa_tokens_spec {
    struct api *api;
    struct rng *rng;
    const struct key *key; /* of this one purpose */
};
/* All borrowed. */
nodiscard int sa_tokens_new(const struct sa_tokens_spec *spec, struct sa_tokens **ret,
                            struct err *err);
void sa_tokens_free(struct sa_tokens *tokens);

struct sa_request {
    const char *ns, *name; /* of the ServiceAccount */
    struct sa_bound bound; /* kind NULL: to nothing. uid NULL: whatever is there under the name */
    const struct value *audiences; /* a list of texts; NULL or empty: the API's own */
    int64_t seconds;               /* 0: it does not end (of a Secret alone) */
};
/* NULL with the token in ret and when it ends (wall seconds); else the Status of why not (404, 409,
 * 422, 500). */
struct value *sa_tokens_issue(struct sa_tokens *tokens, const struct sa_request *request,
                              struct buf *ret, int64_t *ret_expires_s);
/* Whose token that is, for any of `audiences` (NULL-terminated; NULL: the API's own). As an
 * authn_token_fn returns. */
int sa_tokens_judge(struct sa_tokens *tokens, const char *token, const char *const *audiences,
                    struct who **ret);
/* An authn_token_fn; ctx is the struct sa_tokens. */
int sa_tokens_check(void *ctx, const char *token, struct who **ret);

/* /openid/v1/jwks and /.well-known/openid-configuration, by which others verify such tokens. The
 * caller's. */
struct value *sa_tokens_keys(const struct sa_tokens *tokens);
struct value *sa_tokens_configuration(const struct sa_tokens *tokens);
