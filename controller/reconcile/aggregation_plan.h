#pragma once
/* What the rules of a ClusterRole that gathers must be. Pure. */

#include "common/data/value.h"

/* roles: all ClusterRoles, in the order of their names; `role` one of them. The rules of those that
 * any of its clusterRoleSelectors fits, each once; a role does not gather its own. The caller's. */
struct value *aggregation_rules(const struct value *role, const struct value *roles);
