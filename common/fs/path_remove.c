#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Directories that are open at once. What lies deeper is moved up to the top of the tree first, so
 * that neither descriptors nor memory grow with the depth that somebody chose. */
#define OPEN_MOST 16
#define HOIST_PREFIX ".limpet-hoist-"
#define RMDIR_TRIES 16

/* As in <linux/openat2.h>. */
struct how {
    uint64_t flags, mode, resolve;
};
#define HOW_NO_XDEV 0x01
#define HOW_NO_MAGICLINKS 0x02
#define HOW_NO_SYMLINKS 0x04

struct level {
    DIR *dir;
    char name[NAME_MAX + 1];
    int tries;
};

struct removal {
    int parent_fd;
    struct level levels[OPEN_MOST];
    size_t depth;
    uint64_t hoisted;
};

static void removal_done(struct removal *removal)
{
    while (removal->depth > 0)
        closedir(removal->levels[--removal->depth].dir);
}
CLEANUP_DEFINE_VALUE(struct removal, removal_done);

/* rmdir refuses what is mounted here before it is ever opened; this closes the gap in which
 * something is mounted after that. */
static int open_level(int parent, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
#ifdef SYS_openat2
    struct how how = {.flags = (uint32_t)flags,
                      .resolve = HOW_NO_XDEV | HOW_NO_MAGICLINKS | HOW_NO_SYMLINKS};
    long fd = WEAKENED(REMOVE_MOUNTS) ? -1 : syscall(SYS_openat2, parent, name, &how, sizeof(how));
    if (fd >= 0)
        return (int)fd;
    if (!WEAKENED(REMOVE_MOUNTS) && errno != ENOSYS && errno != EPERM)
        return -errno;
#endif
    int opened = openat(parent, name, flags);
    return opened < 0 ? -errno : opened;
}

/* Removes what is not a directory, or an empty one. 1: it is a directory with something in it. */
static int remove_leaf(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM) /* POSIX has EPERM for a directory */
        return -errno;
    int why = errno;
    if (WEAKENED(REMOVE_MOUNTS) && why == EISDIR)
        return 1;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno == ENOTDIR)
        return -why;
    return errno == ENOTEMPTY || errno == EEXIST ? 1 : -errno;
}

static int fd_above(const struct removal *removal)
{
    return removal->depth > 1 ? dirfd(removal->levels[removal->depth - 2].dir) : removal->parent_fd;
}

static int descend(struct removal *removal, int parent, const char *name)
{
    autoclose int fd = open_level(parent, name);
    if (fd < 0)
        return fd;
    DIR *dir = fdopendir(fd);
    if (!dir)
        return -errno;
    steal_fd(&fd);
    struct level *level = &removal->levels[removal->depth++];
    level->dir = dir;
    level->tries = 0;
    snprintf(level->name, sizeof(level->name), "%s", name);
    return 0;
}

/* Moves a directory of the deepest level to the top of the tree, where it is met again. */
static int hoist(struct removal *removal, int parent, const char *name)
{
    int top = dirfd(removal->levels[0].dir);
    for (;;) {
        char up[64];
        snprintf(up, sizeof(up), HOIST_PREFIX "%llu", (unsigned long long)removal->hoisted++);
        if (renameat(parent, name, top, up) == 0) {
            removal->levels[0].tries = 0;
            return 0;
        }
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
            return errno == ENOENT ? 0 : -errno;
    }
}

/* Removes one entry of the deepest level, or descends into it. */
static int remove_entry(struct removal *removal, const char *name)
{
    int parent = dirfd(removal->levels[removal->depth - 1].dir);
    int r = remove_leaf(parent, name);
    if (r <= 0)
        return r;
    if (removal->depth == OPEN_MOST)
        return hoist(removal, parent, name);
    r = descend(removal, parent, name);
    return r == -ENOENT ? 0 : r;
}

/* The deepest level has no more entries: remove it and go up. */
static int ascend(struct removal *removal)
{
    struct level *level = &removal->levels[removal->depth - 1];
    if (unlinkat(fd_above(removal), level->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
        if ((errno != ENOTEMPTY && errno != EEXIST) || level->tries++ >= RMDIR_TRIES)
            return -errno;
        rewinddir(level->dir); /* something was added, by us (hoist) or by others */
        return 0;
    }
    closedir(level->dir);
    removal->depth--;
    return 0;
}

int path_remove_tree(int parent_fd, const char *name)
{
    if (str_empty(name) || strchr(name, '/') || str_eq(name, ".") || str_eq(name, ".."))
        return -EINVAL;
    int r = remove_leaf(parent_fd, name);
    if (r <= 0)
        return r;
    cleanup(removal_done) struct removal removal = {.parent_fd = parent_fd};
    r = descend(&removal, parent_fd, name);
    while (r == 0 && removal.depth > 0) {
        errno = 0;
        const struct dirent *entry = readdir(removal.levels[removal.depth - 1].dir);
        if (!entry)
            r = errno ? -errno : ascend(&removal);
        else if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            r = remove_entry(&removal, entry->d_name);
    }
    return r;
}
