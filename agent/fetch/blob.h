#pragma once
/* A blob on its way into a file: digested while it is written, and resumed from what is there. */

#include "common/base/err.h"
#include "common/crypto/crypto.h"

#include <stdbool.h>
#include <stdint.h>

struct blob_file {
    int fd;
    int64_t size; /* that it must have */
    int64_t have;
    struct sha256_ctx *sha; /* of what there is */
};

void blob_begin(struct blob_file *file, int fd, int64_t size);
/* Digests what the file holds already; one that is too long is emptied. */
nodiscard int blob_resume(struct blob_file *file, struct err *err);
nodiscard int blob_restart(struct blob_file *file, struct err *err); /* empties it */
/* -EFBIG beyond size. */
nodiscard int blob_add(struct blob_file *file, const void *data, size_t len, struct err *err);
/* Whether all of it is there and is what the digest says: 0, or -EBADMSG with both digests and the
 * file emptied, so that nothing of it is resumed. */
nodiscard int blob_check(struct blob_file *file, const char *digest, struct err *err);
void blob_end(struct blob_file *file); /* leaves fd open */
