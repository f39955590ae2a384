#pragma once
/* What a node goes on with after its gateway was restored from a backup. The restored gateway's
 * index says "adopt": what was in force before and it does not list, or lists with other bytes, was
 * made after the backup, and is kept until the gateway says something else about that very path, or
 * that all is settled. Pure. */

#include "common/bus/index.h"

struct kept_entry {
    char *path;
    char digest[SHA256_HEX + 1];  /* of the manifest that is kept */
    char instead[SHA256_HEX + 1]; /* what the restored gateway said of the path: a digest or "" */
};

struct kept {
    uint64_t epoch;             /* of the index that it stands beside; 0: of none */
    struct kept_entry *entries; /* ascending by path */
    size_t count;
};

void kept_init(struct kept *kept);
void kept_done(struct kept *kept);
CLEANUP_DEFINE_VALUE(struct kept, kept_done);
/* NULL: not kept. */
const struct kept_entry *kept_find(const struct kept *kept, const char *path);
bool kept_has_digest(const struct kept *kept, const char *digest);

/* What is in force now, by an index and what is kept beside it, that `next` (the first of a new
 * epoch) would change. ret: initialised. */
void kept_gather(const struct index *now, const struct kept *beside, const struct index *next,
                 struct kept *ret);
/* Lets go of the paths of which the index says something else than when they were kept. True if
 * there were any. */
bool kept_prune(struct kept *kept, const struct index *index);

/* As a file with a checksum. kept_read: -EBADMSG; ret initialised, unchanged on failure. */
void kept_write(const struct kept *kept, struct buf *ret);
nodiscard int kept_read(const char *text, size_t len, struct kept *ret, struct err *err);
