#pragma once
/* JSON Merge Patch (RFC 7396). Pure. */

#include "common/data/value.h"

/* A new value, the caller's. object may be NULL. */
struct value *patch_merge(const struct value *object, const struct value *patch);
