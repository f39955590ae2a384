#pragma once
/* Paths that come from an image, a pod or a log: resolved inside a root and never outside it. */

#include "common/base/err.h"

#include <sys/types.h>

/* Opens `path` below the directory root_fd as if root_fd were "/": symbolic links, absolute ones
 * too, are resolved inside (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS; where the kernel lacks
 * openat2 or a filter refuses it, a walk of components with O_NOFOLLOW that follows links itself,
 * at most 40). flags as for open(2), O_CLOEXEC is added. Returns a descriptor or a negative errno.
 */
nodiscard int path_open_in(int root_fd, const char *path, int flags, mode_t mode);
/* The walk alone, which path_open_in falls back to: its own name so that it is tested everywhere.
 * At most 128 directories deep (-ENAMETOOLONG). */
nodiscard int path_walk_in(int root_fd, const char *path, int flags, mode_t mode);
/* Creates the directories of `path` below root_fd (mode as given, existing ones kept) and opens the
 * last; O_PATH | O_DIRECTORY. */
nodiscard int path_mkdirs_in(int root_fd, const char *path, mode_t mode);
/* Opens (O_PATH) what stands at `path` below root_fd; what is missing is made: an empty file with
 * the mode given, its directories with 0755. A link that leads nowhere is followed, inside, and the
 * file is made where it leads. */
nodiscard int path_mkfile_in(int root_fd, const char *path, mode_t mode);
/* Removes a directory tree (or a file) without following links or crossing mounts, in bounded
 * memory however deep it is. Missing is success. -EXDEV or -EBUSY: something is mounted in it, the
 * rest is still there in part. name is one component, -EINVAL otherwise. Blocks for as long as it
 * takes. */
nodiscard int path_remove_tree(int parent_fd, const char *name);
