#pragma once
/* How much of the disk a folder fills. */

#include <stddef.h>
#include <stdint.h>

struct disk_usage {
    int64_t bytes, inodes;
};

/* Adds what is below `path`, without following links or crossing into other file systems. Stops
 * counting after so many entries: a pod may have made any number. A path that is not there adds
 * nothing. Blocks for the reading of those folders. */
void disk_usage_add(const char *path, size_t entries_max, struct disk_usage *ret);
