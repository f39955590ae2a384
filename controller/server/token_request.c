/* POST of serviceaccounts/NAME/token: a TokenRequest, answered with a token. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/base/clock.h"
#include "common/crypto/crypto.h"
#include "controller/api/access.h"
#include "controller/api/status.h"
#include "controller/auth/node_tokens.h"
#include "controller/server/body.h"
#include "controller/server/reply.h"
#include "controller/server/rest_impl.h"

#define AUDIENCES_MAX 32

/* NULL, or the Status of what is no TokenRequest; completed with defaults. */
static struct value *check(struct value *body)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    bool good = schema_check(&kind_token_request, body, 0, &diags) == 0;
    const struct value *audiences = value_path(body, "spec", "audiences", NULL);
    if (good && value_len(audiences) > AUDIENCES_MAX)
        diags_add(&diags, 0, "spec.audiences", CAUSE_INVALID, "must be at most %d", AUDIENCES_MAX);
    for (size_t i = 0; good && i < value_len(audiences); i++)
        if (str_empty(value_str(value_at(audiences, i))))
            diags_add(&diags, 0, "spec.audiences", CAUSE_INVALID, "must not hold an empty text");
    if (diags.count)
        return status_invalid(&kind_token_request, "", &diags);
    schema_default(&kind_token_request, body);
    return NULL;
}

/* The body with what it leaves to the URL. */
static struct value *read_body(const struct ask *ask, struct value **ret)
{
    struct value *status = body_object(api_kinds(ask->rest->spec.api), ask->request, ret);
    if (status)
        return status;
    if (value_type(*ret) != VALUE_MAP)
        return status_failure(400, "the body is not an object");
    if (!value_get(*ret, "kind"))
        value_set_str(*ret, "kind", kind_token_request.kind);
    if (!value_get(*ret, "apiVersion"))
        value_set_str(*ret, "apiVersion", "authentication.k8s.io/v1");
    if (!value_get(*ret, "spec"))
        value_set(*ret, "spec", value_new_map());
    value_del(*ret, "status");
    const char *name = object_name(*ret), *ns = object_namespace(*ret);
    if ((!str_empty(name) && !str_eq(name, ask->route->name)) ||
        (!str_empty(ns) && !str_eq(ns, ask->route->ns)))
        return status_failure(400, "the name of the object does not match the name on the URL");
    struct value *meta = value_make_map(*ret, "metadata", NULL);
    if (!meta)
        return status_failure(400, "metadata is not an object");
    value_set_str(meta, "name", ask->route->name);
    value_set_str(meta, "namespace", ask->route->ns);
    return check(*ret);
}

static struct value *issue(const struct ask *ask, const struct value *body, struct value *answer)
{
    const struct value *spec = value_get(body, "spec"), *bound = value_get(spec, "boundObjectRef");
    const char *node = access_node(ask->user);
    const struct sa_request request = {
        .ns = ask->route->ns,
        .name = ask->route->name,
        .bound = {value_get_str(bound, "kind"), value_get_str(bound, "name"),
                  value_get_str(bound, "uid")},
        .audiences = value_get(spec, "audiences"),
        .seconds = value_get_int(spec, "expirationSeconds", SA_TOKEN_DEFAULT_S),
    };
    struct value *status = node ? node_tokens_refusal(ask->rest->spec.api, node, &request) : NULL;
    if (status)
        return status;
    cleanup(buf_done) struct buf token;
    buf_init(&token, 0);
    int64_t expires_s;
    status = sa_tokens_issue(ask->rest->spec.tokens, &request, &token, &expires_s);
    if (status)
        return status;
    char when[CLOCK_RFC3339_LEN];
    clock_format(expires_s * NS_PER_S, 0, when);
    struct value *result = value_set(answer, "status", value_new_map());
    value_set_str(result, "expirationTimestamp", when);
    value_set_str(result, "token", buf_str(&token));
    crypto_wipe(token.data, token.len);
    return NULL;
}

void token_request(const struct ask *ask)
{
    const struct access access = {
        "create", {ask->route->kind, ask->route->ns, ask->route->name}, "token", NULL};
    cleanup(value_free) struct value *body = NULL;
    struct value *status = access_refusal(ask->rest->spec.api, ask->user, &access);
    if (!status && !ask->rest->spec.tokens)
        status = status_failure(503, "this gateway issues no tokens");
    if (!status)
        status = read_body(ask, &body);
    if (!status)
        status = issue(ask, body, body);
    if (status)
        reply_status(ask->request, status);
    else
        reply_json(ask->request, 201, steal(body));
}
