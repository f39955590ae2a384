#pragma once
/* Paths that come from an image, a pod or a log: resolved inside a root and never outside it. */

#include "common/base/err.h"

#include <sys/types.h>

/* Opens `path` below the directory root_fd as if root_fd were "/": symbolic links, absolute ones too, are
 * resolved inside (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS; where the kernel lacks openat2 or a
 * filter refuses it, a walk of components with O_NOFOLLOW that follows links itself, at most 40). flags
 * as for open(2), O_CLOEXEC is added. Returns a descriptor or a negative errno. */
nodiscard int path_open_in(int root_fd, const char *path, int flags, mode_t mode);
/* Creates the directories of `path` below root_fd (mode as given, existing ones kept) and opens the last;
 * O_PATH | O_DIRECTORY. */
nodiscard int path_mkdirs_in(int root_fd, const char *path, mode_t mode);
/* Removes a directory tree without following links or crossing mounts. Missing is success. */
nodiscard int path_remove_tree(int parent_fd, const char *name);
