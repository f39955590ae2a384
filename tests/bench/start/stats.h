#pragma once

#include <stddef.h>
#include <stdint.h>

/* Prints "<name> n=... p50_us=... p90_us=... p99_us=... min_us=... max_us=..."; sorts the samples.
 */
void stats_print(const char *name, int64_t *samples_ns, size_t count);
