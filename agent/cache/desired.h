#pragma once
/* The desired state on the node's disk: manifests in files named by digest, the signed index (two
 * copies) as the only commit record. What is forged, replayed, older, empty, torn or corrupt
 * changes nothing here. */

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/crypto/crypto.h"
#include "common/fs/disk.h"

#include <stdbool.h>
#include <stdint.h>

struct desired;

struct desired_spec {
    struct disk *disk;
    const char *dir;          /* /var/lib/limpet/desired */
    const char *node;         /* the node's id */
    const struct key *signer; /* the controller's desired-state key (public); borrowed */
    const struct key
        *sealing; /* ours, to open secrets; borrowed; NULL: sealed manifests are unreadable */
};

/* Loads and verifies what is there: the newest good copy of the index, every manifest by its
 * digest. A damaged manifest is reported as missing (desired_missing), never as empty. An empty
 * folder is fine, and so is one that cannot be read or made just now: nothing is known then
 * (desired_is_known). */
nodiscard int desired_open(const struct desired_spec *spec, struct desired **ret, struct err *err);
void desired_free(struct desired *desired);

/* An index is in force. Else what this node should run is not known, which is not the same as
 * "nothing": what runs is left alone. */
bool desired_is_known(const struct desired *desired);
/* And no newer one can have been lost: for what is removed for good. */
bool desired_is_certain(const struct desired *desired);
/* The index in force lists this path, or it is kept beside it. */
bool desired_lists(const struct desired *desired, const char *path);
/* How many manifests are kept that a restored gateway does not know (kept.h). */
size_t desired_kept(const struct desired *desired);
uint64_t desired_epoch(const struct desired *desired); /* committed; 0 = none yet */
uint64_t desired_generation(const struct desired *desired);

/* An index from the bus: 0 = a newer one, staged until all its manifests are here (at once, if they
 * are), then committed: it is in force, and on disk in one copy; 1 = the one we have or already
 * stage; negative = refused, with the reason. */
int desired_offer_index(struct desired *desired, const void *payload, size_t len, struct err *err);
/* A manifest from the bus. Kept if the staged or the committed index lists its digest; -ENOENT if
 * neither does (dropped; it may come again), -EBADMSG if the bytes do not have that digest. */
int desired_offer_manifest(struct desired *desired, const char *path, const char *digest,
                           const void *payload, size_t len, struct err *err);
/* To be called when it has been quiet for a while: tries again what a full or failing disk refused,
 * writes the second copy of what was committed, removes what is listed no more. 0: nothing is left
 * to be written, or manifests are still missing; negative: it is refused (again). Blocks for a few
 * writes that are synced. */
int desired_finish(struct desired *desired, struct err *err);
/* There is something to finish: a newer index waits for its manifests or for the disk, or a commit
 * lacks its second copy. */
bool desired_is_unfinished(const struct desired *desired);
/* True once after each commit (the reconciler reads anew). */
bool desired_take_changed(struct desired *desired);

/* The committed manifests that are on disk, in the order of the index, then those that are kept:
 * path "Pod/ns/name". */
typedef int desired_each_fn(void *ctx, const char *path, const char *digest);
int desired_each(struct desired *desired, desired_each_fn *fn, void *ctx);
/* Appends one of them, plain YAML: a secret is opened, and the caller wipes it. -EBADMSG and what
 * reading gives: the file is damaged or does not answer, and counts as missing from now on; or a
 * secret does not open. */
nodiscard int desired_read(struct desired *desired, const char *path, const char *digest,
                           struct buf *ret, struct err *err);
/* Listed but not on disk (staged or committed): what to ask for again. */
typedef int desired_missing_fn(void *ctx, const char *path, const char *digest);
int desired_missing(struct desired *desired, desired_missing_fn *fn, void *ctx);
