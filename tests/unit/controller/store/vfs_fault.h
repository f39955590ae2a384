#pragma once
/* A SQLite VFS between the store and real files that fails, or loses, what a card would. Registered
 * as the default one of this process; counts from there. */

#include <stdbool.h>

enum vfs_fault_mode {
    VFS_PASS,
    VFS_FULL, /* from the n-th write on: no room, until the mode is changed */
    VFS_EIO,  /* the n-th sync fails, once: what was written since the last one stays unknown */
    VFS_CUT,  /* at the n-th write or sync the power goes: the process ends, and what no sync
                 covered is gone, or part of it (by seed) */
};

void vfs_fault_register(void);
/* n counts from 1, from now on. */
void vfs_fault_set(enum vfs_fault_mode mode, long n, unsigned seed);
long vfs_fault_count(void); /* writes and syncs since vfs_fault_set */
