#pragma once
/* A disk in memory that can lose power. It keeps two images: what programs see, and what is on the
 * medium; fsync of a file and fsync of a directory carry the one into the other, as on a real file
 * system. Each write, fsync, rename, fsync of a directory, mkdir and unlink is a step; power can be
 * cut after any of them. Everything that is left to chance comes from the seed. */

#include "common/base/clock.h"
#include "common/fs/disk.h"

#include <stdbool.h>
#include <stdint.h>

struct disk_fake;

/* clock (borrowed; may be NULL) gives the times of files. Caller frees. */
struct disk_fake *disk_fake_new(uint64_t seed, const struct clock *clock);
void disk_fake_free(struct disk_fake *fake);
struct disk *disk_fake_disk(struct disk_fake *fake); /* lives as long as fake */

uint64_t disk_fake_steps(const struct disk_fake *fake); /* taken so far */
uint64_t disk_fake_bytes(const struct disk_fake *fake); /* written to files so far */

/* Power fails after `steps` more steps (0: now): everything is then refused with -EIO until
 * disk_fake_reboot. */
void disk_fake_cut_after(struct disk_fake *fake, uint64_t steps);
bool disk_fake_is_cut(const struct disk_fake *fake);

enum disk_fake_loss {
    DISK_FAKE_CHANCE,   /* each thing that was not synced is kept, dropped or torn */
    DISK_FAKE_LOSE_ALL, /* nothing that was not synced is left */
    DISK_FAKE_KEEP_ALL, /* as if only the program had been killed */
};
/* Power is back. Takes away a planned cut and all faults. */
void disk_fake_reboot(struct disk_fake *fake, enum disk_fake_loss loss);

enum disk_fake_op {
    DISK_FAKE_READ = 1,
    DISK_FAKE_WRITE = 2,
    DISK_FAKE_FSYNC = 4,
    DISK_FAKE_RENAME = 8,
    DISK_FAKE_DIR_FSYNC = 16,
    DISK_FAKE_MKDIR = 32,
    DISK_FAKE_UNLINK = 64,
    DISK_FAKE_LOOK = 128,                /* list, stat */
    DISK_FAKE_CHANGES = 2 | 8 | 32 | 64, /* what a read-only file system refuses */
};
/* The next operations of the kinds in `ops` fail with `error` (negative), after `after` of them
 * have gone well, `times` times (-1: until disk_fake_heal). One such plan at a time. What a failed
 * fsync covered never becomes durable by another fsync. */
void disk_fake_fail(struct disk_fake *fake, unsigned ops, int error, int after, int times);
void disk_fake_heal(struct disk_fake *fake);
/* How many bytes fit; what is beyond fails with -ENOSPC. -1: no limit. */
void disk_fake_set_size(struct disk_fake *fake, int64_t bytes);

/* ---- files that are changed in place, as a database does ---- */

struct disk_fake_file;
/* -ENOENT unless create. An entry that was made is durable after disk_fake_sync_dir. */
nodiscard int disk_fake_open(struct disk_fake *fake, const char *path, bool create,
                             struct disk_fake_file **ret);
void disk_fake_close(struct disk_fake_file *file); /* NULL is fine */
/* Bytes read, fewer at the end; or a negative errno. */
int64_t disk_fake_file_read(struct disk_fake_file *file, int64_t at, void *data, size_t len);
/* Not synced: of each 512 bytes a power cut leaves the new or the old ones. -ENOSPC after having
 * written what fits. */
nodiscard int disk_fake_file_write(struct disk_fake_file *file, int64_t at, const void *data,
                                   size_t len);
nodiscard int disk_fake_file_truncate(struct disk_fake_file *file, int64_t len);
nodiscard int disk_fake_file_sync(struct disk_fake_file *file);
int64_t disk_fake_file_size(const struct disk_fake_file *file);
nodiscard int disk_fake_sync_dir(struct disk_fake *fake, const char *path);

/* Flips one bit of a file, on the medium too; bit counts modulo the file's bits. -ENOENT if there
 * is no such file or it is empty. */
nodiscard int disk_fake_flip(struct disk_fake *fake, const char *path, uint64_t bit);
/* Puts a file there, with its directories, durable, without a step. */
void disk_fake_plant(struct disk_fake *fake, const char *path, const void *data, size_t len);
/* Empties the disk: a new card. */
void disk_fake_wipe(struct disk_fake *fake);
/* Files that programs see, temporary ones of replace too. */
size_t disk_fake_files(const struct disk_fake *fake);
