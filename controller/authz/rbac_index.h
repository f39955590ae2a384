#pragma once
/* Roles and their bindings, found by whom they are about: what is asked costs as much as the asker
 * has bindings. Pure. */

#include "controller/authz/rbac.h"

struct rbac_index;
struct rbac_index *rbac_index_new(void);
void rbac_index_free(struct rbac_index *index);

/* An object as it is stored; ns "" for cluster scope. What is there under the name is replaced;
 * object NULL: it is gone. Objects may have any shape. */
void rbac_index_put_role(struct rbac_index *index, const char *ns, const char *name,
                         const struct value *role);
void rbac_index_put_binding(struct rbac_index *index, const char *ns, const char *name,
                            const struct value *binding);

struct rbac_user {
    const char *name;
    const char *const *groups; /* ends with NULL; may be NULL */
};

/* Where a rule comes from. Borrowed for the call. */
struct rbac_grant {
    const struct rbac_rule *rule;
    const char *binding_ns, *binding; /* ns "" of a ClusterRoleBinding */
    const char *role_kind, *role;
    char subject_kind; /* 'U' or 'G' */
    const char *subject;
};
/* Every rule that somebody has: at the cluster scope and, with an ns, in that namespace. Ends with
 * what fn returns if that is not 0, else with 0. missing (may be NULL) is called for bindings of
 * roles that are not there; of its grant, rule is NULL. */
typedef int rbac_each_fn(void *ctx, const struct rbac_grant *grant);
int rbac_index_each(const struct rbac_index *index, const struct rbac_user *user, const char *ns,
                    rbac_each_fn *fn, rbac_each_fn *missing, void *ctx);

/* The rules of a role; NULL if there is none. Borrowed until it changes. */
const struct rbac_rules *rbac_index_role(const struct rbac_index *index, const char *ns,
                                         const char *name);
