#pragma once
/* A launch plan written down for a shell: one `word value` a line, containers one after another. */

#include "agent/runtime/launch.h"

/* Everything is allocated and stays: the driver is short-lived. Exits with a message on a mistake.
 */
struct launch_plan *podfile_read(const char *path, const char *run_dir, const char *cgroup_root);
