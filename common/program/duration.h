#pragma once
/* Durations as people type them. Pure. */

#include "common/base/err.h"

#include <stdint.h>

/* "90" (seconds), "90s", "5m", "1h30m", "2d", "500ms": whole numbers, units falling, none twice. To
 * nanoseconds, not negative. -EINVAL, -ERANGE (more than about 292 years). */
nodiscard int duration_parse(const char *text, int64_t *ret_ns);
