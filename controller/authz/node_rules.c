#include "controller/authz/node_rules.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <stdlib.h>

#define USER "system:node:"

const char *node_rules_name(const struct rbac_user *user)
{
    if (!str_has_prefix(user->name, USER) || !user->name[strlen(USER)])
        return NULL;
    for (const char *const *group = user->groups; group && *group; group++)
        if (str_eq(*group, "system:nodes"))
            return user->name + strlen(USER);
    return NULL;
}

static char *refuse(const char *why)
{
    return xstrdup(why);
}

/* ---- what is looked at one by one ---- */

static char *related(const struct node_graph *graph, const struct node_ask *ask)
{
    const struct rbac_ask *what = &ask->what;
    if (str_empty(what->name))
        return refuse("No Object name found");
    if (node_graph_has(graph, ask->node, what->resource, what->ns, what->name) ||
        WEAKENED(NODE_RELATED))
        return NULL;
    return xasprintf("no relationship found between node '%s' and this object", ask->node);
}

static char *own_name(const struct node_graph *graph, const struct node_ask *ask)
{
    const char *name = ask->what.name;
    (void)graph;
    if (str_eq(name, ask->node) || WEAKENED(NODE_OWN))
        return NULL;
    if (str_empty(name))
        return xasprintf("node '%s' cannot read all nodes, only its own Node object", ask->node);
    return xasprintf("node '%s' cannot read '%s', only its own Node object", ask->node, name);
}

static char *own_pods(const struct node_graph *graph, const struct node_ask *ask)
{
    if (str_eq(ask->bound_to, ask->node))
        return NULL;
    if (!str_empty(ask->what.name))
        return related(graph, ask);
    return refuse("can only list/watch pods with spec.nodeName field selector");
}

static char *own_lease(const struct node_graph *graph, const struct node_ask *ask)
{
    (void)graph;
    if (!str_eq(ask->what.ns, "kube-node-lease"))
        return refuse("can only access leases in the \"kube-node-lease\" system namespace");
    /* Of a creation the name is looked at with the object (api/node_limits.h). */
    if (str_eq(ask->what.verb, "create") || str_eq(ask->what.name, ask->node))
        return NULL;
    return refuse("can only access node lease with the same name as the requesting node");
}

static char *any(const struct node_graph *graph, const struct node_ask *ask)
{
    (void)graph;
    (void)ask;
    return NULL;
}

/* ---- the table ---- */

#define READ "get list watch"

static const struct {
    const char *group, *resource, *subresource;
    const char *verbs; /* words */
    char *(*check)(const struct node_graph *graph, const struct node_ask *ask);
} table[] = {
    {"", "nodes", "", "create", any}, /* itself: node_limits.h */
    {"", "nodes", "", READ " update patch", own_name},
    {"", "nodes", "status", "update patch", own_name},
    {"", "pods", "", "get delete", related},
    {"", "pods", "", "list watch", own_pods},
    {"", "pods", "", "create", any}, /* mirrors of its own: node_limits.h */
    {"", "pods", "status", "update patch", related},
    {"", "pods", "eviction", "create", related},
    {"", "secrets", "", READ, related},
    {"", "configmaps", "", READ, related},
    {"", "persistentvolumeclaims", "", "get", related},
    {"", "persistentvolumeclaims", "status", "get update patch", related},
    {"", "persistentvolumes", "", "get", related},
    {"", "serviceaccounts", "token", "create", related},
    {"coordination.k8s.io", "leases", "", "get create update patch delete", own_lease},
    {"", "services", "", READ, any},
    {"", "endpoints", "", "get", any},
    {"", "events", "", "create update patch", any},
    {"events.k8s.io", "events", "", "create update patch", any},
    {"certificates.k8s.io", "certificatesigningrequests", "", "create " READ, any},
    {"node.k8s.io", "runtimeclasses", "", READ, any},
    {"limpet.io", "images", "", "get", any},
    {"authentication.k8s.io", "tokenreviews", "", "create", any},
    {"authorization.k8s.io", "subjectaccessreviews", "", "create", any},
    {"authorization.k8s.io", "localsubjectaccessreviews", "", "create", any},
};

static int is_word(void *ctx, const char *word, size_t len)
{
    const char *wanted = ctx;
    return strlen(wanted) == len && strncmp(wanted, word, len) == 0;
}

char *node_rules_refusal(const struct node_graph *graph, const struct node_ask *ask)
{
    const struct rbac_ask *what = &ask->what;
    if (what->path)
        return refuse("");
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq(table[i].group, what->group) && str_eq(table[i].resource, what->resource) &&
            str_eq(table[i].subresource, what->subresource) &&
            str_split(table[i].verbs, ' ', is_word, (void *)(uintptr_t)what->verb))
            return table[i].check(graph, ask);
    return refuse("");
}
