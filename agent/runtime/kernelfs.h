#pragma once
/* /proc, /sys and /sys/fs/cgroup of a container, and what of them is hidden or read-only, as every
 * container runtime has it. */

#include "agent/runtime/cgroup.h"
#include "agent/runtime/launch.h"
#include "common/base/err.h"

/* Before the volumes. */
nodiscard int kernelfs_mount(int root_fd, bool privileged, const struct cgroup_host *cgroups,
                             struct err *err);
/* After the volumes; not for a privileged container. null_fd: a /dev/null of ours. */
nodiscard int kernelfs_mask(int root_fd, int null_fd, struct err *err);
