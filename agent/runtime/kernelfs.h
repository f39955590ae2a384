#pragma once
/* /proc, /sys and /sys/fs/cgroup of a container, and what of them is hidden or read-only, as every
 * container runtime has it. */

#include "agent/runtime/cgroup.h"
#include "agent/runtime/launch.h"
#include "common/base/err.h"

/* /sys, before the volumes. */
nodiscard int kernelfs_mount_sys(int root_fd, bool privileged, struct err *err);
/* /proc and /sys/fs/cgroup, of the namespaces that the process is in by then. Before the volumes,
 * but where those need rights that these must not be mounted with. */
nodiscard int kernelfs_mount_own(int root_fd, const struct cgroup_host *cgroups, bool privileged,
                                 struct err *err);
/* After the volumes; not for a privileged container. null_fd: a /dev/null of ours. */
nodiscard int kernelfs_mask(int root_fd, int null_fd, const struct launch_container *container,
                            struct err *err);
