#pragma once

#include <stddef.h>
#include <stdint.h>

/* Prints "<name> n=... p50_us=... p90_us=... p99_us=... min_us=... max_us=..."; sorts the samples.
 */
void stats_print(const char *name, int64_t *samples_ns, size_t count);

/* Processor time in ns of this process and of those that it, or they, have waited for. */
int64_t stats_cpu(void);
/* Prints "<name> n=<count> p50_us=<the mean of what was used since began_ns>". */
void stats_print_cpu(const char *name, int64_t began_ns, size_t count);
