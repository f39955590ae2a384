#pragma once
/* What the files of the fake disk share: disk_fake.c (files that are replaced whole),
 * disk_fake_file.c (files that are changed in place). */

#include "common/base/map.h"
#include "common/base/rng.h"
#include "tests/sim/fake/disk_fake.h"

#define FAKE_SECTOR 512 /* what a power cut leaves whole, old or new */

struct inode {
    unsigned refs;
    enum disk_type type;
    char *data;
    size_t len;
    int64_t mtime_ns;
    bool durable; /* its content is on the medium */
    char *old;    /* of one that is changed in place and not durable: what is on the medium */
    size_t old_len;
    bool *dirty; /* of each sector: written since the last sync, failed or not */
    bool lost;   /* an fsync of it failed: no later one helps */
};

struct disk_fake {
    struct disk disk;
    const struct clock *clock;
    struct rng_seeded rng;
    struct map *seen;   /* path -> inode; what programs see */
    struct map *medium; /* path -> inode; what a power cut leaves for certain */
    struct map *lost;   /* paths whose directory's fsync failed -> any inode */
    uint64_t steps, bytes;
    bool cut_planned, cut;
    uint64_t cut_at;
    unsigned fail_ops;
    int fail_error, fail_after, fail_times;
    int64_t size; /* -1: no limit */
};

struct inode *fake_inode_ref(struct inode *inode);
void fake_inode_unref(void *p);
struct inode *fake_inode_new(const struct disk_fake *fake, enum disk_type type, const void *data,
                             size_t len);
/* Points a path at an inode (NULL: at nothing). */
void fake_set(struct map *map, const char *path, struct inode *inode);

char *fake_path_clean(const char *path);  /* NULL if it is not absolute, or has "." or ".." */
char *fake_path_parent(const char *path); /* of a clean one */
int fake_need_dir(const struct map *map, const char *path);

int fake_enter(struct disk_fake *fake, unsigned op);
int fake_enter_step(struct disk_fake *fake, unsigned op);
/* The sync of a file that is changed in place has gone well, or failed: what a failed one covered
 * gets to the medium only when it is written again. */
void fake_inode_synced(struct inode *inode, bool well);
int64_t fake_used(const struct disk_fake *fake);
int fake_step_fsync(struct disk_fake *fake, struct inode *inode);
int fake_step_dir_fsync(struct disk_fake *fake, const char *dir);
