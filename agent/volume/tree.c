#include "agent/volume/tree.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define DEPTH_MAX 128 /* of paths in a ConfigMap's items */

struct walk {
    tree_fn *fn;
    void *ctx;
    size_t *left;
    dev_t device; /* that of the folder: what is mounted below it is not part of the volume */
};

int tree_open(int parent_fd, const char *path, struct stat *ret)
{
    int fd = openat(parent_fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, ret) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static int walk_entries(int folder, const struct walk *walk, int depth);

/* What goes meanwhile (another pod uses the volume) needs nothing. */
static int walk_one(int parent, const char *name, const struct walk *walk, int depth)
{
    struct stat st;
    if (depth > DEPTH_MAX)
        return -ELOOP;
    if (walk->left && *walk->left == 0)
        return -EINPROGRESS;
    if (walk->left)
        --*walk->left;
    autoclose int fd = tree_open(parent, name, &st);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (st.st_dev != walk->device)
        return 0;
    int rc = walk->fn(walk->ctx, fd, &st);
    return rc < 0 || !S_ISDIR(st.st_mode) ? rc : walk_entries(fd, walk, depth);
}

static int walk_entries(int folder, const struct walk *walk, int depth)
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
            rc = walk_one(dirfd(dir), entry->d_name, walk, depth + 1);
    closedir(dir);
    return rc;
}

int tree_walk(int folder_fd, tree_fn *fn, void *ctx, size_t *left)
{
    struct stat st;
    if (fstat(folder_fd, &st) < 0)
        return -errno;
    const struct walk walk = {fn, ctx, left, st.st_dev};
    return walk_entries(folder_fd, &walk, 0);
}
