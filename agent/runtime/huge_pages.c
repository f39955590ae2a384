#include "agent/runtime/huge_pages.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#define FILES(word)                                                                                \
    {"hugetlb." word ".max", "hugetlb." word ".limit_in_bytes"},                                   \
    {                                                                                              \
        "hugetlb." word ".rsvd.max", "hugetlb." word ".rsvd.limit_in_bytes"                        \
    }

/* Documentation/admin-guide/cgroup-v2.rst "HugeTLB", cgroup-v1/hugetlb.rst. */
const struct huge_size huge_sizes[HUGE_SIZES] = {
    {"hugepages-64Ki", INT64_C(64) << 10, FILES("64KB")},
    {"hugepages-2Mi", INT64_C(2) << 20, FILES("2MB")},
    {"hugepages-32Mi", INT64_C(32) << 20, FILES("32MB")},
    {"hugepages-1Gi", INT64_C(1) << 30, FILES("1GB")},
};

int64_t huge_pages_total(const char *dir, size_t size)
{
    char path[PATH_MAX];
    long long pages = -1;
    int64_t bytes;
    int n = snprintf(path, sizeof(path), "%s/hugepages-%" PRId64 "kB/nr_hugepages", dir,
                     huge_sizes[size].bytes >> 10);
    FILE *file = n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
    if (!file)
        return -1;
    if (fscanf(file, "%lld", &pages) != 1)
        pages = -1;
    fclose(file);
    return pages < 0 || __builtin_mul_overflow(pages, huge_sizes[size].bytes, &bytes) ? -1 : bytes;
}
