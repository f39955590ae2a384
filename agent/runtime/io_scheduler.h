#pragma once
/* Which of the kernel's schedulers of disks knows weights of control groups. */

#include <stdbool.h>

#define IO_SCHEDULER_DIR "/sys/block"

/* Whether a disk below `dir` has one of those that go by blkio.bfq.weight or blkio.weight
 * (Documentation/block/switching-sched.rst: the one in use stands in brackets). Reads sysfs, does
 * not block; false if nothing can be read. */
bool io_scheduler_weighs(const char *dir);
