/* rbac.authorization.k8s.io/v1 RoleBinding and ClusterRoleBinding. */

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/rbac.h"
#include "common/kinds/types.h"

static const struct schema_type type_role_binding = {
    .name = "RoleBinding",
    DOC("Gives a role to people and programs, in its namespace."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "subjects", LIST(OBJECT(type_subject)), DOC("Whom it is given to.")),
        F(3, "roleRef", OBJECT(type_role_ref), REQUIRED, DOC("The role. Stays as it is."))),
};

static void check_cluster_binding(const struct value *binding, struct schema_walk *walk)
{
    const struct value *kind = value_path(binding, "roleRef", "kind", NULL);
    if (str_eq(value_str(kind), "Role"))
        schema_mistake(walk, kind, "roleRef.kind", CAUSE_NOT_SUPPORTED,
                       "\"Role\": supported values: \"ClusterRole\"");
}

static const struct schema_type type_cluster_role_binding = {
    .name = "ClusterRoleBinding",
    .check = check_cluster_binding,
    DOC("Gives a ClusterRole to people and programs, in all namespaces."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "subjects", LIST(OBJECT(type_subject)), DOC("Whom it is given to.")),
        F(3, "roleRef", OBJECT(type_role_ref), REQUIRED, DOC("The role. Stays as it is."))),
};

/* Who may give one role may not so give another. */
static void check_update(const struct value *old, const struct value *binding,
                         struct schema_walk *walk)
{
    const struct value *ref = value_get(binding, "roleRef");
    if (!value_equal(value_get(old, "roleRef"), ref) && !WEAKENED(ROLE_REF))
        schema_mistake(walk, ref, "roleRef", CAUSE_INVALID, "cannot change roleRef");
}

BINDING_CELLS

#define BINDING                                                                                    \
    .group = RBAC_GROUP, .version = "v1", .name = format_rbac_name, .check_update = check_update,  \
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Role", "string", .cell = cell_role},    \
            {"Age", "date", .path = "metadata.creationTimestamp"},                                 \
            {"Users", "string", 1, .cell = cell_users},                                            \
            {"Groups", "string", 1, .cell = cell_groups},                                          \
            {"ServiceAccounts", "string", 1, .cell = cell_accounts})

const struct schema_kind kind_role_binding = {
    BINDING,
    .kind = "RoleBinding",
    .plural = "rolebindings",
    .singular = "rolebinding",
    .namespaced = true,
    .type = &type_role_binding,
    PROTO("k8s.io.api.rbac.v1.RoleBinding"),
};

const struct schema_kind kind_cluster_role_binding = {
    BINDING,
    .kind = "ClusterRoleBinding",
    .plural = "clusterrolebindings",
    .singular = "clusterrolebinding",
    .type = &type_cluster_role_binding,
    PROTO("k8s.io.api.rbac.v1.ClusterRoleBinding"),
};
