#pragma once
/* What the whole machine has used, from /proc. */

#include <stdint.h>

/* -1: not known. */
struct node_usage {
    int64_t cpu_ns;       /* of all processors together, since boot */
    int64_t memory_bytes; /* what is not available to new programs */
};
void node_usage_read(struct node_usage *ret);
/* The pure halves: of the text of /proc/stat (ticks_s of them are a second), of /proc/meminfo. */
int64_t node_usage_cpu(const char *stat, long ticks_s);
int64_t node_usage_memory(const char *meminfo);
