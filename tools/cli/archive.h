#pragma once
/* The files of a tar archive, or of a folder, by their names: found without being unpacked. The
 * archive is whatever a person has at hand: damaged or hostile. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define ARCHIVE_MAX_FILES 100000

struct archive;
/* A tar (ustar, pax, GNU) in a regular file, or a folder. -EINVAL with what it is instead. */
nodiscard int archive_open(const char *path, struct archive **ret, struct err *err);
void archive_free(struct archive *archive); /* NULL is fine */
CLEANUP_DEFINE(struct archive, archive_free);

/* Bytes of a file that is open as long as the archive is. */
struct piece {
    int fd;
    int64_t at, size;
};
/* -ENOENT. Links are followed inside the archive; of a folder nothing outside it is opened. */
nodiscard int archive_find(struct archive *archive, const char *name, struct piece *ret);
/* A whole small file; -EFBIG. */
nodiscard int archive_read(struct archive *archive, const char *name, size_t max, struct buf *ret,
                           struct err *err);
/* Of a piece, likewise. */
nodiscard int piece_read(const struct piece *piece, size_t max, struct buf *ret, struct err *err);
/* "sha256:..." of its bytes; tick (may be NULL) is called now and then, and says false to end it
 * (-ECANCELED). */
nodiscard int piece_digest(const struct piece *piece, char ret[72], bool (*tick)(void *ctx),
                           void *ctx, struct err *err);
