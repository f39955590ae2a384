#pragma once
/* The default roles and bindings as objects, and what such an object that is there already lacks.
 * Pure. */

#include "controller/reconcile/policy_table.h"
#include "common/data/value.h"

/* The caller's. */
struct value *policy_role_object(const struct policy_role *role);
struct value *policy_binding_object(const struct policy_binding *binding);

/* Adds to a stored role or binding what the default has and it has not: rules, subjects, labels,
 * the aggregation rule. What people added stays; so does everything where the annotation
 * rbac.authorization.kubernetes.io/autoupdate is "false". Returns whether it changed. */
bool policy_complete(struct value *stored, const struct value *wanted);
