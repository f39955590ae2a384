#pragma once
/* What this machine is, as the status and labels of its Node (core/v1 NodeStatus). */

#include "common/base/err.h"
#include "common/data/value.h"

/* capacity, allocatable, addresses, nodeInfo. address: the node's own, text; "" if none. state_dir
 * stands on what pods may fill. user_namespaces: pods may have them. The caller's. */
struct value *nodeinfo_status(const char *node_name, const char *address, const char *boot_id,
                              const char *state_dir, bool user_namespaces);
/* Adds what whoever runs the node says that it has besides (Kubernetes' extended resources), each
 * "vendor.example/card=2", to capacity and allocatable. list ends with NULL; NULL: nothing. -EINVAL
 * names the first that is wrong: a name without a domain or of kubernetes.io, no whole number. */
nodiscard int nodeinfo_extend(struct value *status, const char *const *list, struct err *err);
struct value *nodeinfo_labels(const char *node_name);
