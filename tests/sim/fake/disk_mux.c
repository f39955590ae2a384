#include "tests/sim/fake/disk_mux.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

struct disk_mux {
    struct disk disk;
    struct disk *base, *mounted;
    char *prefix;
};

static struct disk *pick(struct disk *disk, const char *path)
{
    const struct disk_mux *mux = (const struct disk_mux *)disk; /* its first member */
    size_t len = strlen(mux->prefix);
    bool below = strncmp(path, mux->prefix, len) == 0 && (path[len] == '\0' || path[len] == '/');
    return below ? mux->mounted : mux->base;
}

static int mux_read(struct disk *disk, const char *path, size_t max, struct buf *ret,
                    struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->read(to, path, max, ret, err);
}

static int mux_replace(struct disk *disk, const char *path, const void *data, size_t len,
                       mode_t mode, struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->replace(to, path, data, len, mode, err);
}

static int mux_overwrite(struct disk *disk, const char *path, const void *data, size_t len,
                         mode_t mode, struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->overwrite(to, path, data, len, mode, err);
}

static int mux_remove(struct disk *disk, const char *path, struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->remove(to, path, err);
}

static int mux_remove_tree(struct disk *disk, const char *path, struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->remove_tree(to, path, err);
}

static int mux_mkdirs(struct disk *disk, const char *path, mode_t mode, struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->mkdirs(to, path, mode, err);
}

static int mux_list(struct disk *disk, const char *path, disk_list_fn *fn, void *ctx,
                    struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->list(to, path, fn, ctx, err);
}

static int mux_stat(struct disk *disk, const char *path, struct disk_stat *ret, struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->stat(to, path, ret, err);
}

static int mux_space(struct disk *disk, const char *path, int64_t *ret_free, struct err *err)
{
    struct disk *to = pick(disk, path);
    return to->space(to, path, ret_free, err);
}

struct disk_mux *disk_mux_new(struct disk *base, const char *prefix, struct disk *mounted)
{
    struct disk_mux *mux = xcalloc(1, sizeof(*mux));
    mux->disk = (struct disk){
        .read = mux_read,
        .replace = mux_replace,
        .overwrite = mux_overwrite,
        .remove = mux_remove,
        .remove_tree = mux_remove_tree,
        .mkdirs = mux_mkdirs,
        .list = mux_list,
        .stat = mux_stat,
        .space = mux_space,
    };
    mux->base = base;
    mux->mounted = mounted;
    mux->prefix = xstrdup(prefix);
    return mux;
}

void disk_mux_free(struct disk_mux *mux)
{
    if (!mux)
        return;
    free(mux->prefix);
    free(mux);
}

struct disk *disk_mux_disk(struct disk_mux *mux)
{
    return &mux->disk;
}
