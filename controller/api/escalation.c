#include "controller/api/escalation.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/access.h"
#include "controller/api/api_impl.h"
#include "controller/api/status.h"
#include "controller/authz/authz.h"

#include <stdlib.h>

#define RBAC "rbac.authorization.k8s.io"
#define TOLD_MAX 2048 /* bytes of what is missing */

struct escalation {
    char *user;
    char **groups;
};

static bool is_role(const struct schema_kind *kind)
{
    return kind == &kind_role || kind == &kind_cluster_role;
}

static bool is_binding(const struct schema_kind *kind)
{
    return kind == &kind_role_binding || kind == &kind_cluster_role_binding;
}

static bool gives(const struct schema_kind *kind)
{
    return is_role(kind) || is_binding(kind) || kind == &kind_user ||
           kind == &kind_certificate_signing_request;
}

struct escalation *escalation_new(const struct api_user *user, const struct api_ref *ref)
{
    if (!gives(ref->kind) || !user || !user->groups || access_is_master(user))
        return NULL;
    struct escalation *escalation = xcalloc(1, sizeof(*escalation));
    size_t count = 0;
    while (user->groups[count])
        count++;
    escalation->user = xstrdup(user->name);
    escalation->groups = xcalloc(count + 1, sizeof(*escalation->groups));
    for (size_t i = 0; i < count; i++)
        escalation->groups[i] = xstrdup(user->groups[i]);
    return escalation;
}

void escalation_free(struct escalation *escalation)
{
    if (!escalation)
        return;
    for (char **group = escalation->groups; *group; group++)
        free(*group);
    free(escalation->groups);
    free(escalation->user);
    free(escalation);
}

static struct rbac_user user_of(const struct escalation *escalation)
{
    return (struct rbac_user){escalation->user, (const char *const *)escalation->groups};
}

/* ---- what he has ---- */

struct held {
    const struct rbac_rule **rules;
    size_t count;
};

static int hold(void *ctx, const struct rbac_grant *grant)
{
    struct held *held = ctx;
    if ((held->count & (held->count - 1)) == 0) /* full at powers of two */
        held->rules =
            xreallocarray(held->rules, held->count ? held->count * 2 : 1, sizeof(*held->rules));
    held->rules[held->count++] = grant->rule;
    return 0;
}

/* Adds the rules that he has not, as Kubernetes prints them. */
static void find_missing(const struct api *api, const struct escalation *escalation, const char *ns,
                         const struct rbac_rules *rules, struct buf *ret)
{
    struct held held = {0};
    const struct rbac_user user = user_of(escalation);
    (void)rbac_index_each(authz_index(api->authz), &user, ns, hold, NULL, &held);
    for (size_t i = 0; i < rules->count && ret->len < TOLD_MAX; i++) {
        if (rbac_covers(held.rules, held.count, &rules->items[i]))
            continue;
        buf_addstr(ret, "\n");
        rbac_rule_print(&rules->items[i], ret);
    }
    free(held.rules);
}

/* ---- refusals ---- */

static struct value *not_held(const struct escalation *escalation, const struct api_ref *ref,
                              const char *missing)
{
    cleanup(buf_done) struct buf groups = {0};
    autofree char *resource = status_resource(ref->kind);
    for (char **group = escalation->groups; *group; group++)
        buf_addf(&groups, "%s\"%.253s\"", groups.len ? " " : "", *group);
    return status_of(
        403, ref->kind, ref->name,
        "%s \"%s\" is forbidden: user \"%s\" (groups=[%s]) is attempting to grant RBAC "
        "permissions not currently held:%.2048s",
        resource, ref->name, escalation->user, buf_str(&groups), missing);
}

static struct value *check_rules(const struct api *api, const struct escalation *escalation,
                                 const struct api_ref *ref, const struct rbac_rules *rules)
{
    cleanup(buf_done) struct buf missing = {0};
    find_missing(api, escalation, ref->ns ? ref->ns : "", rules, &missing);
    return missing.len > 0 && !WEAKENED(RBAC_ESCALATION)
               ? not_held(escalation, ref, buf_str(&missing))
               : NULL;
}

static bool may_of(const struct api *api, const struct escalation *escalation, const char *verb,
                   const char *group, const char *resource, const char *ns, const char *name)
{
    const struct authz_ask ask = {user_of(escalation),
                                  {verb, NULL, group, resource, "", ns ? ns : "", name}};
    return access_ask(api, &ask, NULL);
}

static bool may(const struct api *api, const struct escalation *escalation, const char *verb,
                const char *resource, const char *ns, const char *name)
{
    return may_of(api, escalation, verb, RBAC, resource, ns, name);
}

/* What gathers could gather anything. */
static struct value *check_aggregation(const struct api *api, const struct escalation *escalation,
                                       const struct api_ref *ref, const struct value *stored,
                                       const struct value *object)
{
    static char *all[] = {"*", NULL}, *none[] = {NULL};
    static struct rbac_rule everything[] = {{all, all, all, none, none},
                                            {all, none, none, none, all}};
    static const struct rbac_rules rules = {everything, ARRAY_LEN(everything)};
    cleanup(buf_done) struct buf missing = {0};
    bool gathers = value_type(value_get(object, "aggregationRule")) == VALUE_MAP ||
                   value_type(value_get(stored, "aggregationRule")) == VALUE_MAP;
    if (!gathers)
        return NULL;
    find_missing(api, escalation, "", &rules, &missing);
    autofree char *resource = status_resource(ref->kind);
    return missing.len == 0 ? NULL
                            : status_of(403, ref->kind, ref->name,
                                        "%s \"%s\" is forbidden: must have cluster-admin "
                                        "privileges to use an aggregationRule",
                                        resource, ref->name);
}

static struct value *check_role(const struct api *api, const struct escalation *escalation,
                                const struct api_ref *ref, const struct value *stored,
                                const struct value *object)
{
    /* A creation has no name in its URL: resourceNames do not fit. */
    if (may(api, escalation, "escalate", ref->kind->plural, ref->ns, stored ? ref->name : ""))
        return NULL;
    cleanup(rbac_rules_free) struct rbac_rules *rules = rbac_rules_new(value_get(object, "rules"));
    struct value *refusal = check_rules(api, escalation, ref, rules);
    return refusal ? refusal : check_aggregation(api, escalation, ref, stored, object);
}

static struct value *check_binding(const struct api *api, const struct escalation *escalation,
                                   const struct api_ref *ref, const struct value *object)
{
    const struct value *role = value_get(object, "roleRef");
    const char *name = value_get_str(role, "name");
    bool cluster = str_eq(value_get_str(role, "kind"), "ClusterRole");
    const struct schema_kind *kind = cluster ? &kind_cluster_role : &kind_role;
    const char *ns = ref->ns ? ref->ns : "";
    name = name ? name : "";
    if (may(api, escalation, "bind", kind->plural, ns, name))
        return NULL;
    const struct rbac_rules *rules =
        rbac_index_role(authz_index(api->authz), cluster ? "" : ns, name);
    if (!rules)
        return status_not_found(kind, name);
    return check_rules(api, escalation, ref, rules);
}

static bool is_own(const struct escalation *escalation, const char *group)
{
    for (char **own = escalation->groups; *own; own++)
        if (str_eq(*own, group))
            return true;
    return false;
}

/* A user is in the groups that its object says: who may not act as one of a group puts nobody into
 * it, nor lets somebody of it in again. */
static struct value *check_user(const struct api *api, const struct escalation *escalation,
                                const struct api_ref *ref, const struct value *stored,
                                const struct value *object)
{
    const struct value *spec = value_get(object, "spec"), *was = value_get(stored, "spec");
    const struct value *groups = value_get(spec, "groups");
    const struct value *had =
        value_get_bool(was, "disabled", false) ? NULL : value_get(was, "groups");
    if (value_get_bool(spec, "disabled", false))
        had = value_get(was, "groups");
    for (size_t i = 0; i < value_len(groups); i++) {
        const char *group = value_str(value_at(groups, i));
        if (!group || value_has_str(had, group) || is_own(escalation, group) ||
            may_of(api, escalation, "impersonate", "", "groups", "", group) ||
            WEAKENED(USER_ESCALATION))
            continue;
        autofree char *resource = status_resource(ref->kind);
        return status_of(403, ref->kind, ref->name,
                         "%s \"%s\" is forbidden: user \"%s\" is attempting to give a group that "
                         "it is not in and may not impersonate: \"%.253s\"",
                         resource, ref->name, escalation->user, group);
    }
    return NULL;
}

/* The verb may be given for one signer, or for all of a domain ("kubernetes.io/" and a star). */
static bool may_sign(const struct api *api, const struct escalation *escalation, const char *verb,
                     const char *signer)
{
    const char *slash = strchr(signer, '/');
    autofree char *domain =
        xasprintf("%.*s/*", slash ? (int)(slash - signer) : (int)strlen(signer), signer);
    return may_of(api, escalation, verb, "certificates.k8s.io", "signers", "", signer) ||
           may_of(api, escalation, verb, "certificates.k8s.io", "signers", "", domain);
}

/* Who approves a request, or puts a certificate into it, gives what the certificate is good for. */
static struct value *check_request(const struct api *api, const struct escalation *escalation,
                                   const struct api_ref *ref, const struct value *stored,
                                   const struct value *object)
{
    static const struct {
        const char *field, *verb;
    } fields[] = {{"conditions", "approve"}, {"certificate", "sign"}};
    const struct value *was = value_get(stored, "status"), *is = value_get(object, "status");
    const char *signer = value_get_str(value_get(object, "spec"), "signerName");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct value *new = value_get(is, fields[i].field);
        if (value_equal(value_get(was, fields[i].field), new) ||
            may_sign(api, escalation, fields[i].verb, signer ? signer : "") ||
            WEAKENED(SIGNER_ESCALATION))
            continue;
        autofree char *resource = status_resource(ref->kind);
        return status_of(403, ref->kind, ref->name,
                         "%s \"%s\" is forbidden: user not permitted to %s requests with "
                         "signerName \"%.253s\"",
                         resource, ref->name, fields[i].verb, signer ? signer : "");
    }
    return NULL;
}

/* ---- what is written ---- */

/* Without what the garbage collector changes. */
static struct value *bare(const struct value *object)
{
    static const char *const keys[] = {"ownerReferences", "finalizers", "managedFields",
                                       "resourceVersion", "generation"};
    struct value *copy = value_copy(object), *meta = value_get(copy, "metadata");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (value_type(meta) == VALUE_MAP)
            value_del(meta, keys[i]);
    return copy;
}

static bool is_collection(const struct value *stored, const struct value *object)
{
    cleanup(value_free) struct value *before = bare(stored);
    cleanup(value_free) struct value *after = bare(object);
    return value_equal(before, after);
}

struct value *escalation_refusal(const struct api *api, const struct escalation *escalation,
                                 const struct api_ref *ref, const struct value *stored,
                                 const struct value *object)
{
    if (!escalation || (stored && is_collection(stored, object)))
        return NULL;
    if (ref->kind == &kind_user)
        return check_user(api, escalation, ref, stored, object);
    if (ref->kind == &kind_certificate_signing_request)
        return check_request(api, escalation, ref, stored, object);
    return is_role(ref->kind) ? check_role(api, escalation, ref, stored, object)
                              : check_binding(api, escalation, ref, object);
}
