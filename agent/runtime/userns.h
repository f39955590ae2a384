#pragma once
/* The user namespace of a pod (hostUsers: false): its ids 0 to 65535 are ids of the host that
 * nobody else has. Files keep the ids that the pod sees, wherever they lie: they are mounted with
 * ids mapped (mount_setattr(2) MOUNT_ATTR_IDMAP, Linux 5.12; tmpfs 6.3, overlay 5.19). */

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define USERNS_IDS 65536

struct userns {
    int fd;
    uint32_t base; /* its root's uid and gid on the host */
};

/* Makes one, and namespaces of the given CLONE_NEW... flags that it owns, which the caller enters.
 * The caller keeps its own user namespace. *ret_fd is the caller's. Waits for a child. */
nodiscard int userns_make(uint32_t base, int owned, int *ret_fd, struct err *err);
/* The process becomes its root, for good: it has all capabilities in it and none outside. */
nodiscard int userns_enter(const struct userns *userns, struct err *err);
/* What the process makes from now on is its root's, while it still may do anything: NULL: nothing
 * changes. */
nodiscard int userns_make_files_as(const struct userns *userns, struct err *err);
/* Files made from here on are the host's root's again, until userns_files_back. */
struct userns_ids {
    uint32_t uid, gid;
};
struct userns_ids userns_files_as_host(void);
void userns_files_back(struct userns_ids ids);
/* A tree that is attached nowhere shows the ids of the disk as the pod's, at its top alone. A
 * negative errno: -EINVAL: its file system cannot. */
nodiscard int userns_map(int tree_fd, const struct userns *userns);
/* Whether what lies at `dir` can be mounted so. */
bool userns_works(const char *dir, struct err *err);
