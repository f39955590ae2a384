#pragma once
/* The pod's fsGroup (core/v1 PodSecurityContext): through it a container of any user reads and
 * writes the pod's volumes. fsGroupChangePolicy makes no difference: a volume is given to the group
 * as it is made, before anything of the pod's own is in it; one that outlives pods, when it is not
 * the group's yet (OnRootMismatch). */

#include "common/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum fs_group_part {
    FS_GROUP_NOTHING, /* it is not ours */
    FS_GROUP_TOP,     /* the folder; what is made in it inherits the group */
    FS_GROUP_TREE,    /* all that is in it, too */
    FS_GROUP_LASTING, /* the same, but where the folder is the group's already nothing is done; the
                         folder comes last, so that a crash begins anew */
};

/* Gives that part of a volume (a directory, at a path relative to parent_fd or absolute) to the
 * group, with the modes that a kubelet adds: rw (without `write` r), for directories x and setgid
 * as well. A negative errno. Nothing but directories is opened, and no other file system entered.
 * Blocks for as long as it takes to look at each file; left: as tree_walk (tree.h). */
nodiscard int fs_group_give(int parent_fd, const char *name, enum fs_group_part part, gid_t group,
                            bool write, size_t *left);
