#pragma once
/* The disk behind a struct of functions: one write path for everything that must survive a power
 * cut, and the seam at which the simulator cuts it. All paths are absolute. All calls block for as
 * long as the medium takes. */

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum disk_type { DISK_FILE, DISK_DIR, DISK_OTHER };

struct disk_stat {
    enum disk_type type;
    int64_t size;
    int64_t mtime_ns;
};

typedef int disk_list_fn(void *ctx, const char *name, enum disk_type type); /* non-zero stops */

struct disk {
    /* Appends the file to ret; -ENOENT, -EFBIG beyond max bytes, -EIO... */
    int (*read)(struct disk *disk, const char *path, size_t max, struct buf *ret, struct err *err);
    /* Replaces the file whole: temporary file beside it, write, fsync, rename, fsync of the
     * directory. On success it is on the medium; on failure (-ENOSPC, -EIO, ...) the old content is
     * intact or, if the directory's fsync failed, unknown (-EIO: do not treat a retry as proof).
     * The folder exists. */
    int (*replace)(struct disk *disk, const char *path, const void *data, size_t len, mode_t mode,
                   struct err *err);
    /* Writes the file in place: those who hold it open or have it mounted see the new content. Made
     * if missing (its folder exists). Neither synced nor whole after a power cut: for what is made
     * anew at each boot. On failure (-ENOSPC) the content may be a part of either. */
    int (*overwrite)(struct disk *disk, const char *path, const void *data, size_t len, mode_t mode,
                     struct err *err);
    /* Removes a file or an empty directory and syncs the directory; -ENOENT is success. */
    int (*remove)(struct disk *disk, const char *path, struct err *err);
    /* Removes a directory tree whole, without following links or crossing mounts; not synced: what
     * a power cut leaves of it is removed again. Missing is success; -EBUSY, -EXDEV: something is
     * mounted in it. */
    int (*remove_tree)(struct disk *disk, const char *path, struct err *err);
    /* Creates the directory and its parents, synced; an existing one is success (its mode is kept).
     */
    int (*mkdirs)(struct disk *disk, const char *path, mode_t mode, struct err *err);
    /* Names in byte order (links are followed for their type), without ".", ".." and the temporary
     * files of replace. Returns what fn stopped it with. */
    int (*list)(struct disk *disk, const char *path, disk_list_fn *fn, void *ctx, struct err *err);
    int (*stat)(struct disk *disk, const char *path, struct disk_stat *ret, struct err *err);
    /* Bytes free for us on the file system of path. */
    int (*space)(struct disk *disk, const char *path, int64_t *ret_free, struct err *err);
};

/* The real one. Stateless, never freed. */
struct disk *disk_posix(void);
