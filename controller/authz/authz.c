#include "controller/authz/authz.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <stdlib.h>

#define RBAC "rbac.authorization.k8s.io"

struct authz {
    struct rbac_index *index;
    struct store_watch *watch;
};

/* ---- what is stored ---- */

typedef void put_fn(struct rbac_index *index, const char *ns, const char *name,
                    const struct value *object);
static const struct {
    const char *prefix;
    put_fn *put;
} sources[] = {
    {RBAC "/clusterroles/", rbac_index_put_role},
    {RBAC "/roles/", rbac_index_put_role},
    {RBAC "/clusterrolebindings/", rbac_index_put_binding},
    {RBAC "/rolebindings/", rbac_index_put_binding},
};

/* Keys are "<group>/<plural>/<ns>/<name>". */
static void take(struct authz *authz, const struct store_item *item)
{
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (!str_has_prefix(item->key, sources[i].prefix))
            continue;
        const char *ns_at = item->key + strlen(sources[i].prefix), *slash = strchr(ns_at, '/');
        cleanup(value_free) struct value *object = NULL;
        if (!slash)
            return;
        autofree char *ns = xstrndup(ns_at, (size_t)(slash - ns_at));
        if (item->value && json_parse(item->value, item->len, &object, &err) != 0)
            return; /* who reads it tells */
        sources[i].put(authz->index, ns, slash + 1, object);
        return;
    }
}

static int take_item(void *ctx, const struct store_item *item)
{
    take(ctx, item);
    return 0;
}

static void on_event(void *ctx, const struct store_event *event)
{
    struct store_item item = *event->item;
    if (event->type == STORE_DELETE)
        item.value = NULL;
    take(ctx, &item);
}

struct authz *authz_new(struct store *store)
{
    struct authz *authz = xcalloc(1, sizeof(*authz));
    authz->index = rbac_index_new();
    (void)store_list(store, RBAC "/", NULL, take_item, authz);
    /* From the revision that was just listed: it cannot be too old. */
    int r = store_watch(store, RBAC "/", store_revision(store), on_event, authz, &authz->watch);
    if (r != 0) /* from the beginning: what is told twice is the same */
        r = store_watch(store, RBAC "/", 0, on_event, authz, &authz->watch);
    (void)r;
    return authz;
}

void authz_free(struct authz *authz)
{
    if (!authz)
        return;
    store_watch_free(authz->watch);
    rbac_index_free(authz->index);
    free(authz);
}

const struct rbac_index *authz_index(const struct authz *authz)
{
    return authz->index;
}

/* ---- who ---- */

static bool in_group(const struct rbac_user *user, const char *group)
{
    for (const char *const *g = user->groups; g && *g; g++)
        if (str_eq(*g, group))
            return true;
    return false;
}

bool authz_is_master(const struct rbac_user *user)
{
    return in_group(user, "system:masters") || WEAKENED(AUTHZ_MASTER);
}

/* A part of the gateway: a name alone, which anybody could have been given, is not enough. */
static bool is_own(const struct rbac_user *user)
{
    return (!user->groups || WEAKENED(AUTHZ_OWN)) && str_has_prefix(user->name, "system:limpet:");
}

/* ---- may ---- */

struct search {
    const struct rbac_ask *what;
    struct buf *reason;
};

static void tell_grant(const struct rbac_grant *grant, struct buf *reason)
{
    bool cluster = str_empty(grant->binding_ns);
    buf_addf(reason, "RBAC: allowed by %s \"%s%s%s\" of %s \"%s\" to %s \"%s\"",
             cluster ? "ClusterRoleBinding" : "RoleBinding", grant->binding, cluster ? "" : "/",
             cluster ? "" : grant->binding_ns, grant->role_kind, grant->role,
             grant->subject_kind == 'U' ? "User" : "Group", grant->subject);
}

static int on_grant(void *ctx, const struct rbac_grant *grant)
{
    const struct search *search = ctx;
    if (!rbac_rule_allows(grant->rule, search->what))
        return 0;
    if (search->reason) {
        buf_drop(search->reason, search->reason->len);
        tell_grant(grant, search->reason);
    }
    return 1;
}

#define REASON_MAX 1024 /* bytes of roles that are not there */

static int on_missing(void *ctx, const struct rbac_grant *grant)
{
    const struct search *search = ctx;
    struct buf *reason = search->reason;
    if (!reason || reason->len > REASON_MAX)
        return 0;
    bool cluster = str_eq(grant->role_kind, "ClusterRole");
    buf_addf(reason, "%s%s.rbac.authorization.k8s.io \"%s\" not found",
             reason->len ? ", " : "RBAC: ", cluster ? "clusterrole" : "role", grant->role);
    return 0;
}

bool authz_allows(const struct authz *authz, const struct authz_ask *ask, struct buf *reason)
{
    struct search search = {&ask->what, reason};
    if (authz_is_master(&ask->user) || is_own(&ask->user) || WEAKENED(AUTHZ_OBJECTS))
        return true;
    const char *ns = ask->what.path ? "" : ask->what.ns;
    return rbac_index_each(authz->index, &ask->user, ns, on_grant, on_missing, &search) != 0;
}
