#pragma once
/* Everything in a volume, one after the other. */

#include "common/base/err.h"

#include <stddef.h>
#include <sys/stat.h>

/* fd is O_PATH, of a link too: a device or a pipe of a container's making is not opened. 0, or a
 * negative errno, which ends the walk. */
typedef int tree_fn(void *ctx, int fd, const struct stat *st);

/* Opens what is at a path relative to parent_fd, or absolute, as above; or a negative errno. */
nodiscard int tree_open(int parent_fd, const char *path, struct stat *ret);
/* Calls fn for all that is below a folder, a folder before what is in it; not for the folder
 * itself. What is mounted there is left out. -ELOOP: it is too deep. Blocks for as long as it takes
 * to look at each file. *left: how many may be looked at, counted down; -EINPROGRESS: there are
 * more. NULL: all. */
nodiscard int tree_walk(int folder_fd, tree_fn *fn, void *ctx, size_t *left);
