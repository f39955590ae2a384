#pragma once
/* How much a folder holds, as du counts it. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define DISK_USAGE_MAX_ENTRIES 1000000
#define DISK_USAGE_MAX_DEPTH 100

struct disk_usage {
    int64_t bytes, inodes; /* with the folder itself; a file of n links counts for an nth each */
    bool whole;            /* false: there is more, beyond the limits above or not to be read */
};

/* Adds what is below the folder and on its file system, whatever is moved about in it meanwhile:
 * links are not followed. -ENOENT... if it cannot be opened. Blocks for as long as it takes to look
 * at each entry (about a second for a million that are in memory). */
nodiscard int disk_usage_add(const char *path, struct disk_usage *usage);
