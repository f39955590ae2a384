#include "controller/auth/authn.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/topic.h"
#include "common/kinds/kinds.h"
#include "common/kinds/node_id.h"
#include "controller/api/status.h"
#include "controller/auth/users.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

struct method {
    authn_token_fn *fn;
    void *ctx;
};

struct authn {
    struct authn_spec spec;
    struct method *methods;
    size_t method_count;
};

struct authn *authn_new(const struct authn_spec *spec)
{
    struct authn *authn = xcalloc(1, sizeof(*authn));
    authn->spec = *spec;
    return authn;
}

void authn_free(struct authn *authn)
{
    if (!authn)
        return;
    free(authn->methods);
    free(authn);
}

void authn_add(struct authn *authn, authn_token_fn *fn, void *ctx)
{
    authn->methods =
        xreallocarray(authn->methods, authn->method_count + 1, sizeof(*authn->methods));
    authn->methods[authn->method_count++] = (struct method){fn, ctx};
}

/* ---- certificates ---- */

/* A node's own certificate names its id. It is the Node of that name for as long as that stands for
 * this very machine: an earlier one of the name, or one that was put out, is nobody. */
static int of_node(struct authn *authn, const struct authn_facts *facts, struct who **ret)
{
    static const struct api_user self = {.name = "system:limpet:authn"};
    autofree char *name = xstrndup(facts->user, (size_t)(strrchr(facts->user, '.') - facts->user));
    const struct api_ref ref = {&kind_node, "", name};
    const struct value *node = NULL;
    if (strchr(name, '/') || api_see(authn->spec.api, &self, &ref, &node) != 0 ||
        (!str_eq(object_annotation(node, NODE_ID_ANNOTATION), facts->user) &&
         !WEAKENED(AUTHN_NODE_ID)))
        return -EACCES;
    autofree char *user = xasprintf(WHO_NODE_PREFIX "%s", name);
    *ret = who_new(user);
    who_add_group(*ret, WHO_NODES);
    return 1;
}

static bool is_node(const struct authn_facts *facts)
{
    const struct api_user shown = {.groups = facts->groups};
    return who_has_group(&shown, WHO_NODES) && topic_node_valid(facts->user);
}

/* The User object decides where there is one; the certificate, where there is none. */
static int of_certificate(struct authn *authn, const struct authn_facts *facts, struct who **ret)
{
    static const struct api_user self = {.name = "system:limpet:authn"};
    const struct api_ref ref = {&kind_user, "", facts->user};
    const struct value *user = NULL;
    if (is_node(facts))
        return of_node(authn, facts, ret);
    if (strchr(facts->user, '/') || api_see(authn->spec.api, &self, &ref, &user) != 0)
        user = NULL;
    if (user_is_revoked(user))
        return -EACCES;
    *ret = who_new(facts->user);
    if (user)
        who_set_uid(*ret, object_uid(user));
    if (user_groups(user, *ret))
        return 1;
    for (const char *const *g = facts->groups; g && *g; g++)
        who_add_group(*ret, *g);
    return 1;
}

/* ---- tokens ---- */

struct who *authn_token(struct authn *authn, const char *token)
{
    struct who *who = NULL;
    if (strlen(token) > AUTHN_TOKEN_MAX)
        return NULL;
    for (size_t i = 0; i < authn->method_count; i++)
        if (authn->methods[i].fn(authn->methods[i].ctx, token, &who) == 1) {
            who_add_group(who, WHO_AUTHENTICATED);
            return who;
        }
    return NULL;
}

/* "Bearer TOKEN"; NULL if the header is of another scheme or holds no token, which counts as
 * nothing shown. Caller frees. */
static char *bearer_of(const char *authorization)
{
    static const char scheme[] = "bearer ";
    if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return NULL;
    const char *token = authorization + sizeof(scheme) - 1;
    token += strspn(token, " ");
    size_t len = strcspn(token, " ");
    return len ? xstrndup(token, len) : NULL;
}

/* ---- both ---- */

static struct who *anonymous(void)
{
    struct who *who = who_new(WHO_ANONYMOUS);
    who_add_group(who, WHO_UNAUTHENTICATED);
    return who;
}

struct value *authn_identify(struct authn *authn, const struct authn_facts *facts, struct who **ret)
{
    cleanup(who_free) struct who *who = NULL;
    autofree char *token = bearer_of(facts->authorization);
    int known = facts->user ? of_certificate(authn, facts, &who) : 0;
    if (known == 1) {
        who_add_group(who, WHO_AUTHENTICATED);
    } else if (token && known == 0) {
        who = authn_token(authn, token);
        known = who ? 1 : -EACCES;
    }
    if (known < 0 && !WEAKENED(AUTHN_BAD_TOKEN))
        return status_failure(401, "Unauthorized");
    if (!who && facts->refused)
        return status_failure(401, "Unauthorized: %s", facts->refused);
    *ret = who ? steal(who) : anonymous();
    return NULL;
}
