#include "controller/authz/authz.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "controller/authz/node_rules.h"

#include <stdlib.h>

#define RBAC "rbac.authorization.k8s.io"

struct authz {
    struct store *store;
    struct rbac_index *index;
    struct node_graph *graph; /* NULL: no node has asked yet */
    struct store_watch *watch, *pod_watch, *claim_watch;
};

/* ---- what is stored ---- */

static void put_role(struct authz *authz, const char *ns, const char *name,
                     const struct value *object)
{
    rbac_index_put_role(authz->index, ns, name, object);
}

static void put_binding(struct authz *authz, const char *ns, const char *name,
                        const struct value *object)
{
    rbac_index_put_binding(authz->index, ns, name, object);
}

static void put_pod(struct authz *authz, const char *ns, const char *name,
                    const struct value *object)
{
    node_graph_put_pod(authz->graph, ns, name, object);
}

static void put_claim(struct authz *authz, const char *ns, const char *name,
                      const struct value *object)
{
    node_graph_put_claim(authz->graph, ns, name, object);
}

#define PODS "/pods/"
#define CLAIMS "/persistentvolumeclaims/"

static const struct {
    const char *prefix;
    void (*put)(struct authz *authz, const char *ns, const char *name, const struct value *object);
} sources[] = {
    {RBAC "/clusterroles/", put_role},
    {RBAC "/roles/", put_role},
    {RBAC "/clusterrolebindings/", put_binding},
    {RBAC "/rolebindings/", put_binding},
    {PODS, put_pod},
    {CLAIMS, put_claim},
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
        sources[i].put(authz, ns, slash + 1, object);
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

/* What is there, before it returns, and what comes. */
static void follow(struct authz *authz, const char *prefix, struct store_watch **ret)
{
    (void)store_list(authz->store, prefix, NULL, take_item, authz);
    /* From the revision that was just listed, which cannot be too old; where the store has none
     * yet, from the beginning: what is told twice is the same. */
    int r = store_watch(authz->store, prefix, store_revision(authz->store), on_event, authz, ret);
    if (r != 0)
        r = store_watch(authz->store, prefix, 0, on_event, authz, ret);
    if (r != 0)
        log_error("changes of rights are not seen prefix=%s error=%d", prefix, r);
}

struct authz *authz_new(struct store *store)
{
    struct authz *authz = xcalloc(1, sizeof(*authz));
    authz->store = store;
    authz->index = rbac_index_new();
    follow(authz, RBAC "/", &authz->watch);
    return authz;
}

void authz_free(struct authz *authz)
{
    if (!authz)
        return;
    store_watch_free(authz->watch);
    store_watch_free(authz->pod_watch);
    store_watch_free(authz->claim_watch);
    node_graph_free(authz->graph);
    rbac_index_free(authz->index);
    free(authz);
}

/* Nodes speak to the gateway over the bus; one that asks the API is rare, and until it does nobody
 * pays for knowing what its pods need. */
static const struct node_graph *graph_of(struct authz *authz)
{
    if (authz->graph)
        return authz->graph;
    authz->graph = node_graph_new();
    follow(authz, PODS, &authz->pod_watch);
    follow(authz, CLAIMS, &authz->claim_watch);
    return authz->graph;
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

/* Whether it is a node that may; reason gets why not. */
static bool node_may(struct authz *authz, const struct authz_ask *ask, struct buf *reason)
{
    const char *node = node_rules_name(&ask->user);
    if (!node)
        return false;
    const struct node_ask question = {node, ask->what, ask->bound_to};
    autofree char *refusal = node_rules_refusal(graph_of(authz), &question);
    if (refusal && reason)
        buf_addstr(reason, refusal);
    return !refusal;
}

bool authz_allows(struct authz *authz, const struct authz_ask *ask, struct buf *reason)
{
    struct search search = {&ask->what, reason};
    if (authz_is_master(&ask->user) || is_own(&ask->user) || WEAKENED(AUTHZ_OBJECTS))
        return true;
    if (node_may(authz, ask, reason))
        return true;
    const char *ns = ask->what.path ? "" : ask->what.ns;
    return rbac_index_each(authz->index, &ask->user, ns, on_grant, on_missing, &search) != 0;
}
