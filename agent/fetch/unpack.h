#pragma once
/* The unpacker: a confined child whose root is the layer's folder. */

#include "agent/fetch/extract.h"
#include "common/base/err.h"

typedef void unpack_progress_fn(void *ctx, int64_t compressed_bytes);

/* Blocks until the layer is unpacked into dir_fd (then *ret says what it is) or refused. What is
 * in the folder after a failure is for the bin. */
nodiscard int unpack(int blob_fd, int dir_fd, const struct extract_limits *limits,
                     unpack_progress_fn *progress, void *ctx, struct extract_result *ret,
                     struct err *err);
