#include "controller/auth/node_tokens.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/api/api.h"
#include "controller/api/status.h"

static const struct api_user user = {.name = "system:limpet:tokens"};

/* "" is the API's own. */
static bool is_named(const struct value *source, const char *audience, int64_t seconds)
{
    const struct value *token = value_get(source, "serviceAccountToken");
    const char *own = value_get_str(token, "audience");
    return token && str_eq(own ? own : "", audience) &&
           value_get_int(token, "expirationSeconds", SA_TOKEN_DEFAULT_S) == seconds;
}

static bool names_token(const struct value *pod, const char *audience, int64_t seconds)
{
    const struct value *volumes = value_path(pod, "spec", "volumes", NULL);
    for (size_t v = 0; v < value_len(volumes); v++) {
        const struct value *sources =
            value_path(value_at(volumes, v), "projected", "sources", NULL);
        for (size_t s = 0; s < value_len(sources); s++)
            if (is_named(value_at(sources, s), audience, seconds))
                return true;
    }
    return WEAKENED(NODE_TOKENS_NAMED);
}

/* The words of Kubernetes' NodeRestriction; NULL: it may. */
static const char *why_not(struct api *api, const char *node, const struct sa_request *request)
{
    const struct sa_bound *bound = &request->bound;
    const struct api_ref ref = {&kind_pod, request->ns, bound->name};
    const struct value *pod = NULL;
    if (!str_eq(bound->kind, "Pod") || str_empty(bound->name))
        return "node requested token not bound to a pod";
    if (str_empty(bound->uid))
        return "node requested token with a pod binding without a uid";
    if (api_see(api, &user, &ref, &pod) != 0 || !str_eq(object_uid(pod), bound->uid) ||
        !str_eq(value_get_str(value_get(pod, "spec"), "nodeName"), node))
        return "node requested token bound to a pod scheduled on a different node";
    if (value_len(request->audiences) > 1)
        return "node may only request 0 or 1 audiences";
    const char *audience = value_str(value_at(request->audiences, 0));
    if (!names_token(pod, audience ? audience : "", request->seconds))
        return "audience and expirationSeconds not found in pod spec volume";
    return NULL;
}

struct value *node_tokens_refusal(struct api *api, const char *node,
                                  const struct sa_request *request)
{
    const char *why = WEAKENED(NODE_TOKENS) ? NULL : why_not(api, node, request);
    return why ? status_of(403, &kind_service_account, request->name,
                           "serviceaccounts \"%s\" is forbidden: %s", request->name, why)
               : NULL;
}
