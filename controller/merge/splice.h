#pragma once
/* Stored objects as text, without decoding them. Pure. */

#include "common/base/buf.h"

/* The object with metadata.resourceVersion, of its bytes as they are stored (compact JSON without
 * one). -EINVAL, and nothing is written, if there is no metadata to put it into, or if it is of
 * another apiVersion. */
nodiscard int splice_revision(const char *json, size_t len, const char *api_version,
                              int64_t revision, struct buf *ret);
/* A field of its status that is a string without escapes; NULL: there is none. Borrowed. */
const char *splice_status(const char *json, size_t len, const char *field, size_t *ret_len);
