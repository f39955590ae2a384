#pragma once
/* SQLite on the simulated disk: a VFS whose files are the disk's, so that every write, sync and
 * removal of a database is one of its steps. As SQLite's own for Unix, it syncs the directory when
 * a journal is first synced, and promises that a torn write damages no bytes beside it. No shared
 * memory: WAL in exclusive mode. */

#include "tests/sim/fake/disk_fake.h"

struct vfs_fake;

/* Borrows the disk. Registered under a name of its own until it is freed, which is after all that
 * was opened by it was closed. */
struct vfs_fake *vfs_fake_new(struct disk_fake *disk);
void vfs_fake_free(struct vfs_fake *vfs);
const char *vfs_fake_name(const struct vfs_fake *vfs);
