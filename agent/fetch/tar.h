#pragma once
/* Reading compressed bytes and tar archives: libarchive behind a small interface, with gzip,
 * zstd and the tar formats, nothing else of what it knows. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A stream of bytes: fills *ret_data (valid until the next call) and returns how many, 0 at the
 * end, or a negative errno. */
typedef ssize_t stream_fn(void *ctx, const void **ret_data, struct err *err);

/* Uncompresses a file from its beginning; what is not compressed passes. */
struct unzip;
nodiscard int unzip_new(int fd, struct unzip **ret, struct err *err);
ssize_t unzip_read(void *unzip, const void **ret_data, struct err *err); /* a stream_fn */
int64_t unzip_eaten(struct unzip *unzip); /* compressed bytes read so far */
void unzip_free(struct unzip *unzip);

enum tar_type { TAR_FILE, TAR_DIR, TAR_SYMLINK, TAR_HARDLINK, TAR_FIFO, TAR_DEVICE, TAR_OTHER };
struct tar_entry {
    enum tar_type type;
    const char *path; /* as the archive has it */
    const char *link; /* target; NULL */
    mode_t mode;      /* permission bits, setuid, setgid, sticky */
    int64_t uid, gid, size, mtime_s;
    long mtime_ns;
};

struct tar;
/* From a stream, or (stream NULL) from an uncompressed or gzip file whose parts can be skipped. */
nodiscard int tar_new(stream_fn *stream, void *ctx, int fd, struct tar **ret, struct err *err);
/* 1 and the next entry (valid until the next call), 0 at the end, -EINVAL for what is no tar. */
int tar_next(struct tar *tar, struct tar_entry *ret, struct err *err);
/* The next piece of the entry's content and where in the file it belongs (gaps are zeros): 1, 0 at
 * the end, or a negative errno. */
int tar_read(struct tar *tar, const void **ret_data, size_t *ret_len, int64_t *ret_offset,
             struct err *err);
/* The next extended attribute of the entry: true, or false after the last. */
bool tar_xattr(struct tar *tar, const char **ret_name, const void **ret_value, size_t *ret_len);
void tar_free(struct tar *tar);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct unzip, unzip_free);
CLEANUP_DEFINE(struct tar, tar_free);
