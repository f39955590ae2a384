#pragma once
/* Starts keeper programs for the agent: each in a session of its own and outside the agent's
 * control groups, so that it outlives the agent, and from a read-only mount that nothing in a
 * container can write through (CVE-2019-5736). */

#include "agent/runtime/cgroup.h"
#include "common/base/err.h"

#include <sys/types.h>

struct launcher;

/* cgroup_root: where the keepers' own group is made. */
nodiscard int launcher_new(const char *keeper_path, const char *cgroup_root,
                           const struct cgroup_host *cgroups, struct launcher **ret,
                           struct err *err);
void launcher_free(struct launcher *launcher);
/* Starts `limpet-keeper --pod <name> <control group trees>` with plan_fd and agent_fd as it expects
 * them. Does not wait for the exec: if that fails, the child says so with PROTO_FAILED over the
 * socket and exits. */
nodiscard int launcher_start(const struct launcher *launcher, const char *name, int plan_fd,
                             int agent_fd, pid_t *ret_pid, struct err *err);
/* Removes a tree in the background. */
nodiscard int launcher_remove_tree(const struct launcher *launcher, const char *parent,
                                   const char *name, pid_t *ret_pid, struct err *err);
/* The bytes in a sealed memory file. */
nodiscard int launcher_plan_fd(const void *bytes, size_t len, struct err *err);
