#pragma once
/* JSONPath as far as printed columns of custom kinds use it:
 *   .spec.replicas  .metadata.annotations.example\.com/a  ['a.b']  .list[0]  .list[-1]  .list[*]
 *   .status.conditions[?(@.type=="Ready")].status
 * Pure. */

#include "common/data/value.h"

typedef void jsonpath_fn(void *ctx, const struct value *value);

/* Calls fn for what the path selects, in order; at most JSONPATH_MAX values. -EINVAL: it is none of
 * the above, and fn was not called for what comes behind. */
#define JSONPATH_MAX 100
int jsonpath_each(const char *path, const struct value *value, jsonpath_fn *fn, void *ctx);
