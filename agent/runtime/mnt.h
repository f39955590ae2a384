#pragma once
/* Mounting by descriptor: targets are resolved inside the new root first and then mounted on by
 * number, so that nothing can be swapped in between (CVE-2021-30465). For the child of a keeper, in
 * its own mount namespace, before the root is changed; the host's /proc is still at /proc. */

#include "agent/runtime/launch.h"
#include "agent/runtime/userns.h"
#include "common/base/err.h"

#include <stdbool.h>

enum mnt_flag {
    MNT_READ_ONLY = 1,
    MNT_NODEV = 2,
    MNT_NOSUID = 4,
    MNT_NOEXEC = 8,
    MNT_RECURSIVE = 16,      /* what is mounted below comes along, with the same flags but for */
    MNT_READ_ONLY_BELOW = 32 /* MNT_READ_ONLY, which is for the top alone without this one */
};

/* mount(2) of a file system onto a directory given by descriptor. A negative errno. */
nodiscard int mnt_fs(const char *type, int target_fd, unsigned long flags, const char *data);
/* The same of a file system that is the container's alone: its files have the plan's label. */
nodiscard int mnt_own_fs(const char *type, int target_fd, unsigned long flags, const char *data,
                         const struct launch_container *container);
/* A copy of the mount that source_fd stands in, at source_fd (a directory or a file), with the
 * given flags (enum mnt_flag) added, attached to target_fd. A negative errno. */
nodiscard int mnt_bind(int source_fd, int target_fd, unsigned flags);

/* A directory of the root that must be one already or is made, but is never a link: /proc, /sys,
 * /dev. */
nodiscard int mnt_open_dir(int root_fd, const char *name, struct err *err);
/* The file for last words, <dir>/message, made before the root is mounted over dir; then mounted at
 * the plan's message_path: a container can write into it, but never put something else in its
 * place. *ret_fd: -1 if the plan wants none; the caller's. */
#define MNT_MESSAGE "message"
nodiscard int mnt_message_open(const char *dir, const struct launch_container *container,
                               int *ret_fd, struct err *err);
/* fd: -1: nothing. userns: whose ids its owner is shown as; NULL: the host's. */
nodiscard int mnt_message(int root_fd, int fd, const struct launch_container *container,
                          const struct userns *userns, struct err *err);
/* What a bind mount of the plan shows (O_PATH): its source or what is below it, resolved inside it
 * whatever links lead where, and made where the plan says so. */
nodiscard int mnt_open_source(const struct launch_mount *mount, struct err *err);
/* A copy of the mount that source_fd stands in, at source_fd, attached nowhere; recursive: with
 * what is mounted below. A descriptor or a negative errno. */
nodiscard int mnt_copy(int source_fd, bool recursive);
/* Attaches such a copy to a directory or file. A negative errno. */
nodiscard int mnt_attach(int tree_fd, int target_fd);
/* The mounts of the plan, in order. trees: of propagation_take. userns: as above. */
nodiscard int mnt_volumes(int root_fd, const struct launch_container *container, const int *trees,
                          const struct userns *userns, struct err *err);
