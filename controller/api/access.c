#include "controller/api/access.h"

#include "common/base/str.h"
#include "controller/api/api_impl.h"
#include "controller/api/selector.h"
#include "controller/api/status.h"
#include "controller/api/subresource.h"
#include "controller/authz/authz.h"
#include "controller/authz/node_rules.h"

static const char *const nobody_groups[] = {"system:unauthenticated", NULL};

static struct rbac_user user_of(const struct api_user *user)
{
    return user ? (struct rbac_user){user->name, user->groups}
                : (struct rbac_user){"system:anonymous", nobody_groups};
}

bool access_is_master(const struct api_user *user)
{
    const struct rbac_user who = user_of(user);
    return authz_is_master(&who);
}

const char *access_node(const struct api_user *user)
{
    const struct rbac_user who = user_of(user);
    return node_rules_name(&who);
}

bool access_ask(const struct api *api, const struct authz_ask *ask, struct buf *reason)
{
    return authz_allows(api->authz, ask, reason);
}

void access_each_rule(const struct api *api, const struct rbac_user *user, const char *ns,
                      int (*fn)(void *ctx, const struct rbac_grant *grant), void *ctx)
{
    (void)rbac_index_each(authz_index(api->authz), user, ns, fn, NULL, ctx);
}

/* "deployments.apps \"web\" is forbidden: User ..." */
static struct value *refusal_of(const struct schema_kind *kind, const struct authz_ask *ask,
                                const char *reason)
{
    const struct rbac_ask *what = &ask->what;
    const char *sub = what->subresource, *name = what->name;
    bool named = !str_empty(name), within = !str_empty(sub), spaced = !str_empty(what->ns);
    return status_of(403, kind, name,
                     "%s%s%s%s%s%s is forbidden: User \"%s\" cannot %s resource \"%s%s%s\" in API "
                     "group \"%s\" %s%s%s%s%s",
                     what->resource, *what->group ? "." : "", what->group, named ? " \"" : "",
                     named ? name : "", named ? "\"" : "", ask->user.name, what->verb,
                     what->resource, within ? "/" : "", within ? sub : "", what->group,
                     spaced ? "in the namespace \"" : "at the cluster scope",
                     spaced ? what->ns : "", spaced ? "\"" : "", *reason ? ": " : "", reason);
}

struct value *access_ask_refusal(const struct api *api, const struct authz_ask *ask)
{
    cleanup(buf_done) struct buf reason = {0};
    return authz_allows(api->authz, ask, &reason) ? NULL : refusal_of(NULL, ask, buf_str(&reason));
}

/* resourceNames are about names in URLs: a creation has none, nor has a collection. */
static const char *name_of(const struct access *access, const struct selector *fields)
{
    const char *name = access->ref.name;
    bool within = !str_empty(access->subresource);
    if (!within && (str_eq(access->verb, "create") || str_eq(access->verb, "deletecollection")))
        return "";
    if (str_empty(name) && fields)
        name = selector_required(fields, "metadata.name");
    return name ? name : "";
}

/* A namespace is in itself: who may something in it may be let see or change it. */
static const char *ns_of(const struct access *access)
{
    const struct schema_kind *kind = access->ref.kind;
    const char *ns = kind == &kind_namespace && !str_eq(access->verb, "create") ? access->ref.name
                     : kind->namespaced                                         ? access->ref.ns
                                                                                : NULL;
    return ns ? ns : "";
}

/* A collection in which only subresources are created has a name of its own: bindings. */
static void name_resource(const struct access *access, struct rbac_ask *ret)
{
    const struct subresource *sub = subresource_find(access->ref.kind, access->subresource);
    if (!sub || !sub->plural || !str_empty(access->ref.name))
        return;
    ret->resource = sub->plural;
    ret->subresource = "";
}

struct value *access_refusal(const struct api *api, const struct api_user *user,
                             const struct access *access)
{
    struct err err = {0};
    cleanup(selector_free) struct selector *fields = NULL;
    cleanup(buf_done) struct buf reason = {0};
    const struct schema_kind *kind = access->ref.kind;
    if (!str_empty(access->field_selector))
        (void)!selector_parse_fields(access->field_selector, kind, &fields, &err);
    struct authz_ask ask = {
        .user = user_of(user),
        .what = {.verb = access->verb,
                 .group = kind->group,
                 .resource = kind->plural,
                 .subresource = access->subresource ? access->subresource : "",
                 .ns = ns_of(access),
                 .name = name_of(access, fields)},
        .bound_to = fields ? selector_required(fields, "spec.nodeName") : NULL,
    };
    name_resource(access, &ask.what);
    if (authz_allows(api->authz, &ask, &reason))
        return NULL;
    return refusal_of(access->ref.kind, &ask, buf_str(&reason));
}

bool access_allows(const struct api *api, const struct api_user *user, const char *verb,
                   const struct api_ref *ref)
{
    const struct access access = {verb, *ref, NULL, NULL};
    struct value *refusal = access_refusal(api, user, &access);
    value_free(refusal);
    return !refusal;
}

struct value *access_path_refusal(const struct api *api, const struct api_user *user,
                                  const char *verb, const char *path)
{
    cleanup(buf_done) struct buf reason = {0};
    const struct authz_ask ask = {.user = user_of(user), .what = {.verb = verb, .path = path}};
    if (authz_allows(api->authz, &ask, &reason))
        return NULL;
    return status_failure(403, "forbidden: User \"%s\" cannot %s path \"%s\"%s%s", ask.user.name,
                          verb, path, reason.len ? ": " : "", buf_str(&reason));
}
