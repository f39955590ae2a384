#pragma once
/* How much the machine has left of what all its pods share. */

#include <stdint.h>

/* The signals of Kubernetes' node-pressure eviction. A pod's images and volumes lie on the disk of
 * the state folder: there is no image file system apart. */
enum pressure_signal {
    SIGNAL_MEMORY_AVAILABLE,
    SIGNAL_NODEFS_AVAILABLE,
    SIGNAL_NODEFS_INODES_FREE,
    SIGNAL_PID_AVAILABLE,
    SIGNAL_COUNT,
};

/* Bytes, or a count; -1: not known. */
struct pressure_amount {
    int64_t available, capacity;
};
struct pressure_sample {
    struct pressure_amount of[SIGNAL_COUNT];
};

/* Reads a few files of /proc and asks the file system of state_dir. */
void pressure_sample_read(const char *state_dir, struct pressure_sample *ret);
/* The pure half: of the texts of /proc/meminfo and /proc/loadavg, and the greatest number of tasks.
 */
void pressure_sample_parse(const char *meminfo, const char *loadavg, int64_t tasks_max,
                           struct pressure_sample *ret);
