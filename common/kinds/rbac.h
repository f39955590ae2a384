#pragma once
/* What roles and their bindings share. */

#include "common/schema/table.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

extern const struct schema_type type_policy_rule, type_subject, type_role_ref; /* rbac.c */

/* Names are parts of paths: "system:node" is one. */
const char *format_rbac_name(const char *s);

/* The columns of bindings: "ClusterRole/admin", and the subjects of a sort ("User", "Group",
 * "ServiceAccount"), with commas between. */
void rbac_print_role(const struct value *binding, struct buf *ret);
void rbac_print_subjects(const struct value *binding, const char *kind, struct buf *ret);

/* cell_role, cell_users, cell_groups, cell_accounts */
#define BINDING_CELLS                                                                              \
    CELL(cell_role)                                                                                \
    {                                                                                              \
        (void)now_wall_ns;                                                                         \
        rbac_print_role(object, ret);                                                              \
    }                                                                                              \
    CELL(cell_users)                                                                               \
    {                                                                                              \
        (void)now_wall_ns;                                                                         \
        rbac_print_subjects(object, "User", ret);                                                  \
    }                                                                                              \
    CELL(cell_groups)                                                                              \
    {                                                                                              \
        (void)now_wall_ns;                                                                         \
        rbac_print_subjects(object, "Group", ret);                                                 \
    }                                                                                              \
    CELL(cell_accounts)                                                                            \
    {                                                                                              \
        (void)now_wall_ns;                                                                         \
        rbac_print_subjects(object, "ServiceAccount", ret);                                        \
    }
