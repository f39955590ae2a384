#pragma once
/* What this machine is, as the status and labels of its Node (core/v1 NodeStatus). */

#include "common/data/value.h"

/* The address that other machines reach this one by (of the interface of the default route), text;
 * "" if none. Caller frees. */
char *nodeinfo_address(void);
/* capacity, allocatable, addresses, nodeInfo; state_dir stands on what pods may fill. The caller's.
 */
struct value *nodeinfo_status(const char *node_name, const char *address, const char *boot_id,
                              const char *state_dir);
struct value *nodeinfo_labels(const char *node_name);
