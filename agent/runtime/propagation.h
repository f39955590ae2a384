#pragma once
/* Whether what is mounted on one side of a bind mount is seen on the other (mount_namespaces(7)):
 * containers are tied to the host only where their pod asks for it. */

#include "agent/runtime/launch.h"
#include "common/base/err.h"

/* Takes the mounts of the plan that ask for it out of the host's tree, before this namespace is cut
 * off from it: ret_trees has a descriptor for each of container->mounts, or -1, until the exec.
 * -EINVAL where the host's mount is not shared, in the words of container runtimes. */
nodiscard int propagation_take(const struct launch_container *container, int *ret_trees,
                               struct err *err);
/* Whether a container of the plan mounts on the host. */
bool propagation_is_asked(const struct launch_plan *plan);
/* What is mounted from now on in the one mount that path stands in stays in this namespace. */
nodiscard int propagation_cut(const char *path, struct err *err);
/* What the kernel calls it; a private mount for all others. A negative errno. */
nodiscard int propagation_set(int tree_fd, enum launch_propagation propagation);

/* The optional fields of the mount in a text like /proc/self/mountinfo: "shared:1 master:2"; its
 * mount point. Returns false if it has no such mount. Pure; ret_* hold PATH_MAX bytes. */
bool propagation_find(const char *mountinfo, long mount_id, char *ret_fields, char *ret_point);
