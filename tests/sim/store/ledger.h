#pragma once
/* A store on a simulated disk, a seeded row of batches that are written to it, and what must be in
 * it afterwards. A batch is what one turn of the loop hands over: one transaction. */

#include "controller/store/store.h"
#include "tests/sim/fake/disk_fake.h"
#include "tests/sim/fake/store/vfs_fake.h"

#include "common/base/rng.h"

#define LEDGER_KEYS 12
#define LEDGER_PATH "/var/lib/limpet/store.db"

/* Of each key the number of its value; 0: it is not there. */
struct ledger_state {
    int64_t numbers[LEDGER_KEYS];
};

struct ledger {
    struct disk_fake *disk;
    struct vfs_fake *vfs;
    struct loop *loop;
    struct store *store;
    struct rng_seeded rng;     /* of the batches: the same seed makes the same ones */
    struct ledger_state acked; /* what was acknowledged */
    struct ledger_state asked; /* with the batch that failed, if one did */
    int64_t revision;          /* the highest acknowledged */
    int64_t number;            /* of the latest write */
    int waiting, failed, code; /* of the batch under way; code: the first failure */
    int batches;               /* acknowledged */
    char why[256];             /* the store did not open */
    bool fenced;               /* a write failed with something else than -ENOSPC */
};

void ledger_init(struct ledger *ledger, uint64_t disk_seed, uint64_t seed);
void ledger_done(struct ledger *ledger);
/* 0, or what store_open gave: then the reason must name the file. */
int ledger_open(struct ledger *ledger);
void ledger_close(struct ledger *ledger);
/* One batch: all of it is acknowledged (0), or all of it fails with one code (returned). */
int ledger_batch(struct ledger *ledger);
/* So many lives of so many batches: open, write, close. Ends with the first failure. */
int ledger_run(struct ledger *ledger, int lives, int batches);
/* Opens (which must succeed) and requires what was acknowledged, or that and the whole batch that
 * failed last; revisions above all that anybody saw. Takes it as what is acknowledged. */
void ledger_check(struct ledger *ledger);
/* The same, and the batch that failed must not be there. */
void ledger_check_acked(struct ledger *ledger);
