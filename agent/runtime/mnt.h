#pragma once
/* Mounting by descriptor: targets are resolved inside the new root first and then mounted on by
 * number, so that nothing can be swapped in between (CVE-2021-30465). For the child of a keeper, in
 * its own mount namespace, before the root is changed; the host's /proc is still at /proc. */

#include "agent/runtime/launch.h"
#include "common/base/err.h"

#include <stdbool.h>

enum mnt_flag {
    MNT_READ_ONLY = 1,
    MNT_NODEV = 2,
    MNT_NOSUID = 4,
    MNT_NOEXEC = 8,
    MNT_RECURSIVE = 16
};

/* mount(2) of a file system onto a directory given by descriptor. A negative errno. */
nodiscard int mnt_fs(const char *type, int target_fd, unsigned long flags, const char *data);
/* A copy of the mount that source_fd stands in, at source_fd (a directory or a file), with the
 * given flags (enum mnt_flag) added, attached to target_fd. A negative errno. */
nodiscard int mnt_bind(int source_fd, int target_fd, unsigned flags);

/* A directory of the root that must be one already or is made, but is never a link: /proc, /sys,
 * /dev. */
nodiscard int mnt_open_dir(int root_fd, const char *name, struct err *err);
/* The mounts of the plan, in order. */
nodiscard int mnt_volumes(int root_fd, const struct launch_container *container, struct err *err);
