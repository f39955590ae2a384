#include "agent/volume/fs_group.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 128 /* of paths in a ConfigMap's items */

/* As a kubelet adds to modes: rw or r for the group, x and setgid for directories. */
static mode_t added_mode(mode_t mode, bool write)
{
    mode_t added = write ? 0660 : 0440;
    return S_ISDIR(mode) ? added | 0110 | S_ISGID : added;
}

/* By descriptor, never through a link; the mode last, since a new owner takes setgid away. What is
 * the group's already is not touched. */
static int give_one(int fd, gid_t group, bool write, struct stat *ret)
{
    if (fstat(fd, ret) < 0)
        return -errno;
    mode_t mode = (ret->st_mode & 07777) | added_mode(ret->st_mode, write);
    if (ret->st_gid == group && mode == (ret->st_mode & 07777))
        return 0;
    if (fchown(fd, (uid_t)-1, group) < 0)
        return -errno;
    return fchmod(fd, mode) < 0 ? -errno : 0;
}

static int give_tree(int parent, const char *name, gid_t group, bool write, int depth);

/* Takes fd. */
static int give_entries(int fd, gid_t group, bool write, int depth)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir));)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            rc = give_tree(dirfd(dir), entry->d_name, group, write, depth + 1);
    closedir(dir);
    return rc;
}

static int give_tree(int parent, const char *name, gid_t group, bool write, int depth)
{
    if (depth > DEPTH_MAX)
        return -ELOOP;
    autoclose int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    int rc = fd < 0 ? -errno : give_one(fd, group, write, &st);
    if (rc < 0 || !S_ISDIR(st.st_mode))
        return rc;
    return give_entries(steal_fd(&fd), group, write, depth);
}

static int give_top(int parent, const char *name, gid_t group, bool write)
{
    autoclose int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    return fd < 0 ? -errno : give_one(fd, group, write, &st);
}

int fs_group_give(int parent_fd, const char *name, enum fs_group_part part, gid_t group, bool write)
{
    return part == FS_GROUP_TREE  ? give_tree(parent_fd, name, group, write, 0)
           : part == FS_GROUP_TOP ? give_top(parent_fd, name, group, write)
                                  : 0;
}
