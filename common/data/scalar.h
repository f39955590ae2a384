#pragma once
/* What a plain YAML scalar means (YAML 1.1's core types, as Kubernetes reads them). */

#include "common/data/value.h"

/* "yes" -> true, "0x1f" -> 31, "~" -> null, "1e3" -> 1000.0, "12:30" -> a string. Text has no NUL.
 * NULL for infinity and NaN, which no document of ours can hold. */
struct value *scalar_resolve(const char *text);
