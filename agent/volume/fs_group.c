#include "agent/volume/fs_group.h"

#include "agent/volume/tree.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* As a kubelet adds to modes: rw or r for the group, x and setgid for directories. */
static mode_t added_mode(mode_t mode, bool write)
{
    mode_t added = write ? 0660 : 0440;
    return S_ISDIR(mode) ? added | 0110 | S_ISGID : added;
}

/* How a volume is given away. */
struct grant {
    gid_t group;
    bool write;
};

static bool is_given(const struct grant *grant, const struct stat *st)
{
    mode_t mode = st->st_mode & 07777;
    return st->st_gid == grant->group && (mode | added_mode(st->st_mode, grant->write)) == mode;
}

/* Never through a link. The mode last, since a new owner takes setgid away. */
static int give_one(void *ctx, int fd, const struct stat *st)
{
    const struct grant *grant = ctx;
    char path[32];
    if (S_ISLNK(st->st_mode) || is_given(grant, st))
        return 0;
    if (fchownat(fd, "", (uid_t)-1, grant->group, AT_EMPTY_PATH) < 0)
        return -errno;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    mode_t mode = (st->st_mode & 07777) | added_mode(st->st_mode, grant->write);
    return chmod(path, mode) < 0 ? -errno : 0;
}

int fs_group_give(int parent_fd, const char *name, enum fs_group_part part, gid_t group, bool write,
                  size_t *left)
{
    struct stat st;
    int rc = 0;
    if (part == FS_GROUP_NOTHING)
        return 0;
    autoclose int fd = tree_open(parent_fd, name, &st);
    if (fd < 0)
        return fd;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    struct grant grant = {group, write};
    bool all = part == FS_GROUP_TREE || (part == FS_GROUP_LASTING && !is_given(&grant, &st));
    if (all)
        rc = tree_walk(fd, give_one, &grant, left);
    return rc < 0 ? rc : give_one(&grant, fd, &st);
}
