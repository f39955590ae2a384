#pragma once
/* Two disks under one: a path prefix (tmpfs, /run) goes to the second. */

#include "common/fs/disk.h"

struct disk_mux;

/* Borrows both. */
struct disk_mux *disk_mux_new(struct disk *base, const char *prefix, struct disk *mounted);
void disk_mux_free(struct disk_mux *mux);
struct disk *disk_mux_disk(struct disk_mux *mux); /* lives as long as mux */
