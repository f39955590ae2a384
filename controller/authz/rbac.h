#pragma once
/* What rules of roles allow, as Kubernetes reads them. Pure. */

#include "common/data/value.h"

#include <stdbool.h>

/* A rule of a Role or ClusterRole. Each list ends with NULL and may be empty, never NULL. */
struct rbac_rule {
    char **verbs, **groups, **resources, **names, **urls;
};
struct rbac_rules {
    struct rbac_rule *items;
    size_t count;
};
/* Of a `rules` list in whatever shape: what is no text is left out. The caller's. */
struct rbac_rules *rbac_rules_new(const struct value *rules);
void rbac_rules_free(struct rbac_rules *rules);
CLEANUP_DEFINE(struct rbac_rules, rbac_rules_free);

/* What somebody wants to do: with objects, or with a path. */
struct rbac_ask {
    const char *verb;        /* "get", "list"... */
    const char *path;        /* "/metrics"; NULL: with objects */
    const char *group;       /* "" = core */
    const char *resource;    /* "pods" */
    const char *subresource; /* "log"; "" = the object itself */
    const char *ns;          /* "" = at the cluster scope, or in all namespaces */
    const char *name;        /* "" = none in particular: resourceNames never fit that */
};
bool rbac_rule_allows(const struct rbac_rule *rule, const struct rbac_ask *ask);

/* Whether who has the rules `own` has everything that `rule` gives. False too where finding out
 * would take too long (rules of thousands of words that no single one of `own` covers). */
bool rbac_covers(const struct rbac_rule *const *own, size_t count, const struct rbac_rule *rule);
/* "{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}". */
struct buf;
void rbac_rule_print(const struct rbac_rule *rule, struct buf *ret);
