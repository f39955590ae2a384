#pragma once
/* Huge pages: the sizes that there are, as Kubernetes and the kernel name them. */

#include <stddef.h>
#include <stdint.h>

#define HUGE_SIZES 4

struct huge_size {
    const char *resource; /* Kubernetes': "hugepages-2Mi" */
    int64_t bytes;        /* of one page */
    /* Files of a control group, v2 and v1: what is used, and what is set aside for use. */
    const char *limit[2], *reserved[2];
};
extern const struct huge_size huge_sizes[HUGE_SIZES];

/* Bytes of that size that this machine has set aside; -1: it has no such pages. dir: of the kernel,
 * /sys/kernel/mm/hugepages. */
#define HUGE_PAGES_DIR "/sys/kernel/mm/hugepages"
int64_t huge_pages_total(const char *dir, size_t size);
