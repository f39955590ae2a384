/* rbac.authorization.k8s.io/v1 Role and ClusterRole. */

#include "common/kinds/kinds.h"
#include "common/kinds/rbac.h"
#include "common/kinds/types.h"

#include <stdio.h>

static void check_role(const struct value *role, struct schema_walk *walk)
{
    const struct value *rules = value_get(role, "rules");
    for (size_t i = 0; i < value_len(rules); i++) {
        const struct value *urls = value_get(value_at(rules, i), "nonResourceURLs");
        char sub[64];
        snprintf(sub, sizeof(sub), "rules[%zu].nonResourceURLs", i);
        if (value_len(urls) > 0)
            schema_mistake(walk, urls, sub, CAUSE_INVALID,
                           "namespaced rules cannot apply to non-resource URLs");
    }
}

static const struct schema_type type_role = {
    .name = "Role",
    .check = check_role,
    DOC("What may be done in its namespace by whom it is given to."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "rules", LIST(OBJECT(type_policy_rule)), DOC("What may be done; each adds to it."))),
};

const struct schema_kind kind_role = {
    .group = RBAC_GROUP,
    .version = "v1",
    .kind = "Role",
    .plural = "roles",
    .singular = "role",
    .namespaced = true,
    .type = &type_role,
    .name = format_rbac_name,
    PROTO("k8s.io.api.rbac.v1.Role"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Created At", "string", .path = "metadata.creationTimestamp"}),
};

static const struct schema_type type_aggregation_rule = {
    .name = "AggregationRule",
    DOC("Makes the rules of a ClusterRole out of those of others."),
    FIELDS(F(1, "clusterRoleSelectors", LIST(OBJECT(type_label_selector)),
             DOC("Which others: those whose labels fit any of them."))),
};

static void check_cluster_role(const struct value *role, struct schema_walk *walk)
{
    const struct value *rule = value_get(role, "aggregationRule");
    if (value_type(rule) == VALUE_MAP && value_len(value_get(rule, "clusterRoleSelectors")) == 0)
        schema_mistake(walk, rule, "aggregationRule.clusterRoleSelectors", CAUSE_REQUIRED,
                       "at least one clusterRoleSelector required if aggregationRule is non-nil");
}

static const struct schema_type type_cluster_role = {
    .name = "ClusterRole",
    DOC("What may be done, in one namespace or all, by whom it is given to."),
    .check = check_cluster_role,
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "rules", LIST(OBJECT(type_policy_rule)), DOC("What may be done; each adds to it.")),
        F(3, "aggregationRule", OBJECT(type_aggregation_rule),
          DOC("The rules are made of those of other ClusterRoles."))),
};

const struct schema_kind kind_cluster_role = {
    .group = RBAC_GROUP,
    .version = "v1",
    .kind = "ClusterRole",
    .plural = "clusterroles",
    .singular = "clusterrole",
    .type = &type_cluster_role,
    .name = format_rbac_name,
    PROTO("k8s.io.api.rbac.v1.ClusterRole"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Created At", "string", .path = "metadata.creationTimestamp"}),
};
