#include "controller/auth/sa_tokens.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/api/status.h"
#include "controller/auth/jwt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VERIFIED 1024            /* texts that are remembered, a power of two */
#define GRACE_NS (60 * NS_PER_S) /* for which who is being deleted may still speak */

struct sa_tokens {
    struct sa_tokens_spec spec;
    char kid[SHA256_HEX + 1];
    uint8_t point[64];
    /* Digests of texts whose signature is good, each at the place that it gives itself: curves cost
     * more than all else that is done for a request. What a text says is judged each time. */
    uint8_t verified[VERIFIED][SHA256_LEN];
};

static const struct api_user user = {.name = "system:limpet:authn"};

int sa_tokens_new(const struct sa_tokens_spec *spec, struct sa_tokens **ret, struct err *err)
{
    struct sa_tokens *tokens = xcalloc(1, sizeof(*tokens));
    tokens->spec = *spec;
    int rc = key_id(spec->key, tokens->kid, err);
    if (rc == 0)
        rc = key_point(spec->key, tokens->point, err);
    if (rc < 0) {
        free(tokens);
        return rc;
    }
    *ret = tokens;
    return 0;
}

void sa_tokens_free(struct sa_tokens *tokens)
{
    free(tokens);
}

/* ---- what is there ---- */

static int64_t now_ns(const struct sa_tokens *tokens)
{
    return clock_wall(api_clock(tokens->spec.api));
}

/* Borrowed until the next call into the API; NULL: there is none, or it should be gone by now. */
static const struct value *see(const struct sa_tokens *tokens, const struct schema_kind *kind,
                               const char *ns, const char *name)
{
    const struct api_ref ref = {kind, ns, name};
    const struct value *object = NULL;
    int64_t end_ns;
    if (str_empty(name) || api_see(tokens->spec.api, &user, &ref, &object) != 0)
        return NULL;
    const char *deleted = value_get_str(value_get(object, "metadata"), "deletionTimestamp");
    bool over =
        deleted && (clock_parse(deleted, &end_ns) < 0 || now_ns(tokens) - GRACE_NS > end_ns);
    return over ? NULL : object;
}

static const struct schema_kind *bound_kind(const char *kind)
{
    return str_eq(kind, "Pod") ? &kind_pod : str_eq(kind, "Secret") ? &kind_secret : NULL;
}

/* A Secret whose text is this token: only as long as it says so. */
static bool is_in_secret(const struct value *secret, const char *account, const char *token)
{
    const char *coded = value_get_str(value_get(secret, "data"), "token");
    autofree uint8_t *own = NULL;
    size_t len = 0;
    return str_eq(value_get_str(secret, "type"), "kubernetes.io/service-account-token") &&
           str_eq(object_annotation(secret, "kubernetes.io/service-account.name"), account) &&
           coded && base64_decode(coded, strlen(coded), &own, &len) == 0 && len == strlen(token) &&
           crypto_equal(own, token, len);
}

/* ---- who is it ---- */

static bool is_alive(const struct sa_tokens *tokens, const struct sa_claims *c, const char *token)
{
    const struct value *account = see(tokens, &kind_service_account, c->ns, c->name);
    if (!account || (!str_eq(object_uid(account), c->uid) && !WEAKENED(SA_TOKEN_UID)))
        return false;
    if (!c->bound.kind)
        return true;
    const struct value *bound = see(tokens, bound_kind(c->bound.kind), c->ns, c->bound.name);
    if (!bound || !str_eq(object_uid(bound), c->bound.uid))
        return WEAKENED(SA_TOKEN_BOUND);
    return c->expires_s || is_in_secret(bound, c->name, token);
}

static struct who *who_of(const struct sa_claims *c)
{
    autofree char *name = xasprintf(SA_PREFIX "%s:%s", c->ns, c->name);
    autofree char *group = xasprintf(SA_GROUP ":%s", c->ns);
    struct who *who = who_new(name);
    who_set_uid(who, c->uid);
    who_add_group(who, SA_GROUP);
    who_add_group(who, group);
    autofree char *id = c->id ? xasprintf("JTI=%s", c->id) : NULL;
    bool pod = str_eq(c->bound.kind, "Pod");
    const struct {
        const char *key, *text;
    } extra[] = {
        {"authentication.kubernetes.io/credential-id", id},
        {"authentication.kubernetes.io/node-name", c->node},
        {"authentication.kubernetes.io/node-uid", c->node_uid},
        {"authentication.kubernetes.io/pod-name", pod ? c->bound.name : NULL},
        {"authentication.kubernetes.io/pod-uid", pod ? c->bound.uid : NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(extra); i++)
        if (extra[i].text)
            who_add_extra(who, extra[i].key, extra[i].text);
    return who;
}

static bool is_for_any(const struct value *claims, const char *const *audiences)
{
    static const char *const own[] = {SA_ISSUER, NULL};
    for (const char *const *a = audiences ? audiences : own; *a; a++)
        if (jwt_is_for(claims, *a))
            return true;
    return WEAKENED(SA_TOKEN_AUDIENCE);
}

static bool is_signed(struct sa_tokens *tokens, const struct jwt *jwt, const char *token)
{
    uint8_t digest[SHA256_LEN];
    struct err err = {0};
    sha256(token, strlen(token), digest);
    uint8_t *known = tokens->verified[(digest[0] << 8 | digest[1]) % VERIFIED];
    if (memcmp(known, digest, sizeof(digest)) == 0)
        return true;
    if (jwt_verify(jwt, tokens->spec.key, &err) < 0)
        return false;
    memcpy(known, digest, sizeof(digest));
    return true;
}

int sa_tokens_judge(struct sa_tokens *tokens, const char *token, const char *const *audiences,
                    struct who **ret)
{
    struct err err = {0};
    cleanup(jwt_done) struct jwt jwt = {0};
    struct sa_claims claims;
    if (jwt_parse(token, strlen(token), &jwt, &err) < 0)
        return 0;
    /* Cheap things first: who shows rubbish costs no arithmetic on curves. */
    if (!str_eq(jwt.kid, tokens->kid) || !sa_claims_read(jwt.claims, &claims) ||
        jwt_check_times(jwt.claims, now_ns(tokens) / NS_PER_S, str_eq(claims.bound.kind, "Secret"),
                        &err) < 0 ||
        !is_for_any(jwt.claims, audiences) || !is_alive(tokens, &claims, token))
        return -EACCES;
    if (!is_signed(tokens, &jwt, token))
        return -EACCES;
    *ret = who_of(&claims);
    return 1;
}

int sa_tokens_check(void *ctx, const char *token, struct who **ret)
{
    return sa_tokens_judge(ctx, token, NULL, ret);
}

/* ---- issuing ---- */

static struct value *invalid(const char *field, const char *why)
{
    return status_failure(422, "TokenRequest.authentication.k8s.io \"\" is invalid: %s: %s", field,
                          why);
}

/* NULL and the rest of what the token says; or why there is none. */
static struct value *bind(const struct sa_tokens *tokens, const struct sa_request *request,
                          struct sa_claims *c, char **ret_uid, char **ret_node)
{
    const struct sa_bound *bound = &request->bound;
    const struct schema_kind *kind = bound_kind(bound->kind);
    if (!bound->kind)
        return NULL;
    if (!kind)
        return invalid("spec.boundObjectRef.kind", "must be Pod or Secret");
    const struct value *object = see(tokens, kind, request->ns, bound->name);
    if (!object)
        return status_not_found(kind, bound->name ? bound->name : "");
    if (!str_empty(bound->uid) && !str_eq(bound->uid, object_uid(object)))
        return status_conflict(kind, bound->name,
                               "the UID in the bound object reference does not "
                               "match the UID in record");
    const struct value *spec = value_get(object, "spec");
    const char *account = value_get_str(spec, "serviceAccountName");
    if (kind == &kind_pod && !str_eq(str_empty(account) ? "default" : account, request->name))
        return invalid("spec.boundObjectRef", "cannot bind token for serviceaccount to a pod that "
                                              "runs with another one");
    *ret_uid = xstrdup(object_uid(object));
    const char *node = kind == &kind_pod ? value_get_str(spec, "nodeName") : NULL;
    *ret_node = str_empty(node) ? NULL : xstrdup(node);
    c->bound = (struct sa_bound){bound->kind, bound->name, *ret_uid};
    return NULL;
}

static struct value *own_audience(void)
{
    struct value *list = value_new_list();
    value_append(list, value_new_str(SA_ISSUER));
    return list;
}

struct value *sa_tokens_issue(struct sa_tokens *tokens, const struct sa_request *request,
                              struct buf *ret, int64_t *ret_expires_s)
{
    struct err err = {0};
    const struct value *account = see(tokens, &kind_service_account, request->ns, request->name);
    if (!account)
        return status_not_found(&kind_service_account, request->name);
    autofree char *uid = xstrdup(object_uid(account)), *bound_uid = NULL, *node = NULL;
    autofree char *node_uid = NULL;
    cleanup(value_free) struct value *audiences =
        value_len(request->audiences) ? value_copy(request->audiences) : own_audience();
    char id[37];
    rng_uuid(tokens->spec.rng, id);
    struct sa_claims c = {.ns = request->ns,
                          .name = request->name,
                          .uid = uid,
                          .id = id,
                          .audiences = audiences,
                          .issued_s = now_ns(tokens) / NS_PER_S};
    struct value *status = bind(tokens, request, &c, &bound_uid, &node);
    if (status)
        return status;
    const struct value *node_object = node ? see(tokens, &kind_node, "", node) : NULL;
    if (node_object) {
        node_uid = xstrdup(object_uid(node_object));
        c.node = node;
        c.node_uid = node_uid;
    }
    c.expires_s = request->seconds ? c.issued_s + request->seconds : 0;
    cleanup(value_free) struct value *claims = sa_claims_write(&c);
    if (jwt_write(claims, tokens->spec.key, tokens->kid, ret, &err) < 0)
        return err.code == -E2BIG ? invalid("spec.audiences", err.msg)
                                  : status_failure(500, "%s", err.msg);
    *ret_expires_s = c.expires_s;
    return NULL;
}

/* ---- for others who verify ---- */

struct value *sa_tokens_keys(const struct sa_tokens *tokens)
{
    struct value *answer = value_new_map(), *key = value_new_map();
    autofree char *x = base64url_encode(tokens->point, 32);
    autofree char *y = base64url_encode(tokens->point + 32, 32);
    value_set_str(key, "use", "sig");
    value_set_str(key, "kty", "EC");
    value_set_str(key, "kid", tokens->kid);
    value_set_str(key, "crv", "P-256");
    value_set_str(key, "alg", "ES256");
    value_set_str(key, "x", x);
    value_set_str(key, "y", y);
    value_append(value_set(answer, "keys", value_new_list()), key);
    return answer;
}

static void set_texts(struct value *map, const char *key, const char *text)
{
    value_append(value_set(map, key, value_new_list()), value_new_str(text));
}

struct value *sa_tokens_configuration(const struct sa_tokens *tokens)
{
    struct value *answer = value_new_map();
    (void)tokens;
    value_set_str(answer, "issuer", SA_ISSUER);
    value_set_str(answer, "jwks_uri", SA_ISSUER "/openid/v1/jwks");
    set_texts(answer, "response_types_supported", "id_token");
    set_texts(answer, "subject_types_supported", "public");
    set_texts(answer, "id_token_signing_alg_values_supported", "ES256");
    return answer;
}
