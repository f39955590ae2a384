#include "controller/api/authz.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/status.h"

/* The first column or the second says whom a line is about: a group, or how user names begin. */
static const struct {
    const char *group;
    const char *user_prefix;
    bool objects;     /* every verb on every object */
    const char *path; /* reading below this path; NULL = none */
} rules[] = {
    {"system:masters", NULL, true, "/"},
    {NULL, "system:limpet:", true, "/"},
    {"system:authenticated", NULL, false, "/api"},
    {"system:authenticated", NULL, false, "/apis"},
    {"system:authenticated", NULL, false, "/openapi"},
    {"system:authenticated", NULL, false, "/version"},
    {"system:serviceaccounts", NULL, false, "/.well-known/openid-configuration"},
    {"system:serviceaccounts", NULL, false, "/openid/v1/jwks"},
    {"system:monitoring", NULL, false, "/metrics"},
    {"system:unauthenticated", NULL, false, "/version"},
    {"system:unauthenticated", NULL, false, "/healthz"},
    {"system:unauthenticated", NULL, false, "/livez"},
    {"system:unauthenticated", NULL, false, "/readyz"},
};

/* What nobody in particular may read, everybody may. */
static bool in_group(const struct api_user *user, const char *group)
{
    if (str_eq(group, "system:unauthenticated"))
        return true;
    if (!user)
        return false;
    for (const char *const *g = user->groups; g && *g; g++)
        if (str_eq(*g, group))
            return true;
    return false;
}

static bool rule_names(size_t i, const struct api_user *user)
{
    if (rules[i].group)
        return in_group(user, rules[i].group);
    return user && str_has_prefix(user->name, rules[i].user_prefix);
}

bool authz_allows(const struct api_user *user, const char *verb, const struct api_ref *ref)
{
    (void)verb;
    (void)ref;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].objects && rule_names(i, user))
            return true;
    return WEAKENED(AUTHZ_OBJECTS);
}

bool authz_is_master(const struct api_user *user)
{
    return in_group(user, "system:masters") || WEAKENED(AUTHZ_MASTER);
}

static bool is_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    if (str_eq(top, "/"))
        return true;
    return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

bool authz_allows_path(const struct api_user *user, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].path && rule_names(i, user) && is_below(path, rules[i].path))
            return true;
    return false;
}

struct value *authz_refusal(const struct api_user *user, const char *verb,
                            const struct api_ref *ref)
{
    const char *ns = str_empty(ref->ns) ? NULL : ref->ns;
    return status_of(
        403, ref->kind, ref->name,
        "%s%s%s%s is forbidden: User \"%s\" cannot %s resource \"%s\" in API group \"%s\"%s%s%s",
        ref->kind->plural, str_empty(ref->name) ? "" : " \"", str_empty(ref->name) ? "" : ref->name,
        str_empty(ref->name) ? "" : "\"", user ? user->name : "system:anonymous", verb,
        ref->kind->plural, ref->kind->group, ns ? " in the namespace \"" : " at the cluster scope",
        ns ? ns : "", ns ? "\"" : "");
}
