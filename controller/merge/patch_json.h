#pragma once
/* JSON Patch (RFC 6902). Pure. */

#include "common/data/value.h"

#define PATCH_JSON_MAX 10000 /* operations of one patch, as in Kubernetes */

/* All operations or none: *ret, the caller's, is the document after the last. A test of a member
 * that is absent passes if it is for null, as in Kubernetes. -EINVAL: it is no list of operations;
 * -ENOENT: one of them does not apply; -E2BIG: it has too many, copies or moves more than
 * DATA_MAX_BYTES, nests deeper than DATA_MAX_DEPTH, or shifts too much about in long lists. */
nodiscard int patch_json(const struct value *object, const struct value *patch, struct value **ret,
                         struct err *err);
