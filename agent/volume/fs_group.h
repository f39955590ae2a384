#pragma once
/* The pod's fsGroup (core/v1 PodSecurityContext): through it a container of any user reads and
 * writes the pod's volumes. fsGroupChangePolicy makes no difference: a volume is given to the group
 * as it is made, before anything of the pod's own is in it. */

#include "common/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum fs_group_part {
    FS_GROUP_NOTHING, /* it is not ours */
    FS_GROUP_TOP,     /* the folder; what is made in it inherits the group */
    FS_GROUP_TREE,    /* all that is in it, too */
};

/* Gives that part of a volume (a directory, at a path relative to parent_fd or absolute) to the
 * group, with the modes that a kubelet adds: rw (without `write` r), for directories x and setgid
 * as well. A negative errno. Blocks for a few small files. */
nodiscard int fs_group_give(int parent_fd, const char *name, enum fs_group_part part, gid_t group,
                            bool write);
