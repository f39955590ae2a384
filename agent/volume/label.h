#pragma once
/* The label of SELinux that the files of a pod's volumes have. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Gives a folder (or a file, or a link, at a path relative to parent_fd or absolute) and all that
 * is in it that label (NULL: nothing is done); all: even if the folder has it already, which comes
 * last otherwise, so that a crash begins anew. Where the file system has one label for all files,
 * or none, that stays. A negative errno. What is mounted below is left out. Blocks for as long as
 * it takes to look at each file; left: as tree_walk (tree.h). */
nodiscard int label_give(int parent_fd, const char *dir, const char *label, bool all, size_t *left);
