#pragma once
/* A container's root file system: an overlay of its image's layers, and the move into it. For the
 * child of a keeper, in its own mount namespace. */

#include "agent/runtime/launch.h"
#include "agent/runtime/userns.h"
#include "common/base/err.h"

/* Stops mounts from spreading between this namespace and the host's, in both directions. */
nodiscard int rootfs_detach(struct err *err);
/* Mounts the overlay; `dir` (made if missing) is a directory of this attempt alone, for what the
 * container writes. userns: whose ids are shown for those of the disk, and who makes what is made
 * in the root from here on (userns_make_files_as); NULL: the host's. Returns a descriptor of the
 * new root. */
nodiscard int rootfs_mount(const struct launch_container *container, const struct userns *userns,
                           const char *dir, struct err *err);
/* pivot_root; the old root and all that is mounted in it is gone afterwards. */
nodiscard int rootfs_enter(int root_fd, struct err *err);
/* After rootfs_enter, and when everything below / is made. */
nodiscard int rootfs_seal(const struct launch_container *container, struct err *err);
