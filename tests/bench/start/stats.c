#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t at(const int64_t *sorted, size_t count, size_t percent)
{
    return sorted[(count - 1) * percent / 100] / 1000;
}

void stats_print(const char *name, int64_t *samples_ns, size_t count)
{
    if (count == 0)
        return;
    qsort(samples_ns, count, sizeof(*samples_ns), compare);
    printf("%s n=%zu p50_us=%" PRId64 " p90_us=%" PRId64 " p99_us=%" PRId64 " min_us=%" PRId64
           " max_us=%" PRId64 "\n",
           name, count, at(samples_ns, count, 50), at(samples_ns, count, 90),
           at(samples_ns, count, 99), at(samples_ns, count, 0), at(samples_ns, count, 100));
}
