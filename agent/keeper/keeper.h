#pragma once
/* The keeper's executor: carries out what the core decides, and tells it what happens. */

#include "agent/keeper/core.h"
#include "common/loop/loop.h"

struct keeper;

/* Makes the sandbox and serves the agent. cgroups: as of cgroup_print; "": look. agent_fd: a
 * connected socket, or -1; owned either way. On failure everything made is removed. */
nodiscard int keeper_new(struct loop *loop, const struct launch_plan *plan, const char *cgroups,
                         int agent_fd, struct keeper **ret, struct err *err);
void keeper_free(struct keeper *keeper);
