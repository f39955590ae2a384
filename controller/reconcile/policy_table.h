#pragma once
/* The roles and bindings that Kubernetes has from the beginning
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/, default roles), as far as there
 * is here what they are about. */

#include <stddef.h>

/* Words with spaces between; of groups "core" is "". */
struct policy_rule {
    const char *verbs; /* NULL ends a table */
    const char *groups, *resources, *names;
    const char *urls; /* of paths: the others are NULL */
};

struct policy_role {
    const char *name;
    const char *joins;   /* "view": its rules become that role's too. More than one: "view edit" */
    const char *gathers; /* its rules are those of the roles that join this */
    const struct policy_rule *rules; /* NULL of those that gather */
};

struct policy_binding {
    const char *name, *role;
    const char *groups, *users; /* may be NULL */
    const char *account;        /* "kube-system/kube-dns"; may be NULL */
};

extern const struct policy_role policy_roles[];
extern const size_t policy_role_count;
extern const struct policy_binding policy_bindings[];
extern const size_t policy_binding_count;
