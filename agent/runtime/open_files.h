#pragma once
/* How many files may be open: in each process of a container, and on the node. No control group
 * counts them; the kernel does count the memory that they take (file, descriptor, inode) to the
 * group of who opened them. That is what bounds a pod that opens all that it can. */

#include "common/base/err.h"

#define OPEN_FILES_SOFT 65536
#define OPEN_FILES_HARD 524288
#define OPEN_FILES_NODE "/proc/sys/fs/file-max"

/* In a child before its exec, as long as it has its rights: it and its children have the limits
 * above, however the agent was started; or the greatest below them where the kernel refuses more.
 */
void open_files_limit(void);
/* The node's own bound, of all its processes together, is the kernel's tenth of memory or whatever
 * somebody set: one pod could use it up, and every process that is not root would open nothing any
 * more. Sets it to the greatest there is, as systemd does at each boot; it is not given back. 1:
 * done, 0: it was so. A negative errno: the file cannot be read or written. file: OPEN_FILES_NODE
 * but for tests. */
nodiscard int open_files_unbound(const char *file, struct err *err);
