#include "agent/volume/fs_group.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 128 /* of paths in a ConfigMap's items */

/* As a kubelet adds to modes: rw or r for the group, x and setgid for directories. */
static mode_t added_mode(mode_t mode, bool write)
{
    mode_t added = write ? 0660 : 0440;
    return S_ISDIR(mode) ? added | 0110 | S_ISGID : added;
}

/* How a volume is given away. */
struct gift {
    gid_t group;
    bool write;
    dev_t device; /* that of the folder: what is mounted below it is not part of the volume */
};

static bool is_given(const struct gift *gift, const struct stat *st)
{
    mode_t mode = st->st_mode & 07777;
    return st->st_gid == gift->group && (mode | added_mode(st->st_mode, gift->write)) == mode;
}

/* By an O_PATH descriptor, never through a link: a device or a pipe of a container's making is not
 * opened. The mode last, since a new owner takes setgid away. */
static int give_one(int fd, const struct gift *gift, const struct stat *st)
{
    char path[32];
    if (S_ISLNK(st->st_mode) || is_given(gift, st))
        return 0;
    if (fchownat(fd, "", (uid_t)-1, gift->group, AT_EMPTY_PATH) < 0)
        return -errno;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    mode_t mode = (st->st_mode & 07777) | added_mode(st->st_mode, gift->write);
    return chmod(path, mode) < 0 ? -errno : 0;
}

static int open_path(int parent, const char *name, struct stat *ret)
{
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, ret) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static int give_tree(int parent, const char *name, const struct gift *gift, int depth);

static int give_entries(int folder, const struct gift *gift, int depth)
{
    int list = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = list < 0 ? NULL : fdopendir(list);
    if (!dir) {
        int rc = -errno;
        if (list >= 0)
            close(list);
        return rc;
    }
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir));)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            rc = give_tree(dirfd(dir), entry->d_name, gift, depth + 1);
    closedir(dir);
    return rc;
}

/* What goes meanwhile (another pod uses the volume) needs nothing. */
static int give_tree(int parent, const char *name, const struct gift *gift, int depth)
{
    struct stat st;
    if (depth > DEPTH_MAX)
        return -ELOOP;
    autoclose int fd = open_path(parent, name, &st);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (st.st_dev != gift->device)
        return 0;
    int rc = give_one(fd, gift, &st);
    return rc < 0 || !S_ISDIR(st.st_mode) ? rc : give_entries(fd, gift, depth);
}

int fs_group_give(int parent_fd, const char *name, enum fs_group_part part, gid_t group, bool write)
{
    struct stat st;
    int rc = 0;
    if (part == FS_GROUP_NOTHING)
        return 0;
    autoclose int fd = open_path(parent_fd, name, &st);
    if (fd < 0)
        return fd;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    const struct gift gift = {group, write, st.st_dev};
    bool all = part == FS_GROUP_TREE || (part == FS_GROUP_LASTING && !is_given(&gift, &st));
    if (all)
        rc = give_entries(fd, &gift, 0);
    return rc < 0 ? rc : give_one(fd, &gift, &st);
}
