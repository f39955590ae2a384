#pragma once
/* What this machine is, as the status and labels of its Node (core/v1 NodeStatus). */

#include "common/data/value.h"

/* capacity, allocatable, addresses, nodeInfo. address: the node's own, text; "" if none. state_dir
 * stands on what pods may fill. user_namespaces: pods may have them. The caller's. */
struct value *nodeinfo_status(const char *node_name, const char *address, const char *boot_id,
                              const char *state_dir, bool user_namespaces);
struct value *nodeinfo_labels(const char *node_name);
