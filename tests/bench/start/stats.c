#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

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

static int64_t used(int who)
{
    struct rusage usage;
    if (getrusage(who, &usage) < 0)
        return 0;
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000000) +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * INT64_C(1000);
}

int64_t stats_cpu(void)
{
    return used(RUSAGE_SELF) + used(RUSAGE_CHILDREN);
}

void stats_print_cpu(const char *name, int64_t began_ns, size_t count)
{
    printf("%s n=%zu p50_us=%" PRId64 "\n", name, count,
           (stats_cpu() - began_ns) / 1000 / (int64_t)count);
}
