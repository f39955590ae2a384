#pragma once
/* Files of a control group in one tree; for the files of agent/runtime/cgroup*.c alone. */

#include "agent/runtime/cgroup.h"

#define CGROUP_FILE_MAX (CGROUP_MOUNT_MAX + CGROUP_PATH_MAX + 64)

/* file NULL: the group's folder. -ENAMETOOLONG. */
nodiscard int cgroup_file_path(const struct cgroup_tree *tree, const char *path, const char *file,
                               char ret[CGROUP_FILE_MAX]);
/* Up to size - 1 bytes of a file, terminated. -ENOENT... */
nodiscard int cgroup_file_read(const struct cgroup_tree *tree, const char *path, const char *file,
                               char *ret, size_t size);
