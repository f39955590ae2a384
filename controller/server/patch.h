#pragma once
/* What a PATCH does to an object. Pure. */

#include "common/data/value.h"

/* JSON Merge Patch (RFC 7396), in place. patch is a map. */
void patch_merge(struct value *object, const struct value *patch);
