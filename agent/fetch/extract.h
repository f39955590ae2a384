#pragma once
/* A layer's tar becomes files below the current folder, which is the root of the process that runs
 * this. Whiteouts are only told: making them takes a capability that this process does not have. */

#include "agent/fetch/layer_path.h"
#include "agent/image/reference.h"
#include "common/base/err.h"

#include <stdint.h>

struct extract_limits {
    int64_t bytes;      /* of the uncompressed tar, and of all files together */
    int64_t inodes;     /* entries */
    int64_t ratio_from; /* below so many bytes any compression is fine... */
    int64_t ratio;      /* ...beyond, at most so many bytes for one compressed */
};

struct extract_result {
    char diff_id[DIGEST_LEN + 1]; /* digest of the uncompressed tar */
    int64_t bytes, inodes;
};

struct extract_sink {
    /* LAYER_WHITEOUT or LAYER_OPAQUE. Non-zero stops. */
    int (*mark)(void *ctx, enum layer_name kind, const char *path);
    void (*progress)(void *ctx, int64_t compressed_bytes);
};

/* root_fd: the folder. -EINVAL: the layer is refused, with the reason. -EFBIG: beyond a limit. */
nodiscard int extract(int blob_fd, int root_fd, const struct extract_limits *limits,
                      const struct extract_sink *sink, void *ctx, struct extract_result *ret,
                      struct err *err);
