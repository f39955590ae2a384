#pragma once
/* What is mounted into a pod is given to it: the files get its label of SELinux and its fsGroup.
 * Which of them, the parts of fs_group.h and label.h say. */

#include "agent/volume/fs_group.h"

#include <stddef.h>
#include <stdint.h>

struct gift {
    const char *path;
    const char *label; /* NULL: none */
    int64_t group;     /* -1: none */
    bool write;        /* of the group */
    enum fs_group_part part;
};
/* Blocks for as long as it takes to look at each file; left: as tree_walk (tree.h). Its last steps
 * are those on the folder itself, by which it is known as given. A negative errno. */
nodiscard int gift_give(const struct gift *gift, size_t *left, struct err *err);
