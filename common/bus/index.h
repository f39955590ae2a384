#pragma once
/* The signed index: what a node has to run, as (path, digest) pairs (decision record 0006). The
 * payload is two lines of JSON, each ended by a newline: the body, and the proof over the body's
 * exact bytes. A manifest's digest is the SHA-256 of its message's payload bytes. Pure. */

#include "common/bus/proof.h"
#include "common/bus/topic.h"

#define INDEX_VERSION 1
#define INDEX_MAX_ENTRIES 10000
#define INDEX_MAX_BODY (1024 * 1024)
#define INDEX_MAX_PAYLOAD (INDEX_MAX_BODY + PROOF_MAX_TEXT + 2)
#define INDEX_MAX_NUMBER                                                                           \
    INT64_C(9007199254740991) /* epoch, generation: exact in every JSON reader */

enum { INDEX_FLAG_ADOPT = 1 << 0 }; /* restored: report and keep what is not listed */

struct index_entry {
    char *path; /* "<kind>/<ns>/<name>", see topic_path */
    char digest[SHA256_HEX + 1];
};

/* In place: index_init, index_done. */
struct index {
    char node[TOPIC_NODE_MAX + 1];
    uint64_t epoch, generation; /* both from 1 */
    int64_t time_ns;            /* wall clock of the controller, whole seconds on the wire */
    unsigned flags;
    struct index_entry *entries; /* ascending by the bytes of path, no doubles */
    size_t count;
    char kid[SHA256_HEX + 1]; /* of the desired-state key */
    uint8_t leaf[SHA256_LEN]; /* of the body as received or written: what identifies these bytes */
};
void index_init(struct index *index);
void index_done(struct index *index);
CLEANUP_DEFINE_VALUE(struct index, index_done);
/* Deep copy into an initialised *ret. */
void index_copy(const struct index *index, struct index *ret);

/* Adds or replaces. -EINVAL (path or digest), -E2BIG. */
nodiscard int index_put(struct index *index, const char *path, const char *digest, struct err *err);
void index_del(struct index *index, const char *path);
const struct index_entry *index_find(const struct index *index,
                                     const char *path); /* NULL if absent */

/* The body without its newline, and index->leaf set. -EINVAL, -E2BIG beyond the cap. */
nodiscard int index_write(struct index *index, struct buf *ret, struct err *err);
/* Body and proof as one payload. */
int index_payload(const struct buf *body, const struct proof *proof, struct buf *ret);
/* index_write + proof_sign + index_payload for one index alone; sets kid from the key. */
nodiscard int index_sign(struct index *index, const struct key *key, struct buf *ret_payload,
                         struct err *err);

/* The keys that a node has pinned: one, two while the controller's key is being replaced. */
struct index_trust {
    const struct key *const *keys;
    size_t count;
};
/* Checks a payload from outside, signature first, and reads it into *ret (initialised; unchanged on
 * failure). -EBADMSG (form, signature), -EKEYREJECTED (key id), -EADDRNOTAVAIL (another node's),
 * -ENOTSUP (version, flag or policy this node does not know), -E2BIG. */
nodiscard int index_open(const void *payload, size_t len, const struct index_trust *trust,
                         const char *node, struct index *ret, struct err *err);

enum index_verdict {
    INDEX_ACCEPT,
    INDEX_SAME,    /* these very bytes are in force */
    INDEX_OLDER,   /* replayed or overtaken: ignored */
    INDEX_REFUSED, /* must not happen: two bodies of one generation */
};
/* Whether `candidate` (opened) may follow `current` (NULL: nothing was ever committed). *err says
 * why not, unless accepted. */
enum index_verdict index_accept(const struct index *current, const struct index *candidate,
                                struct err *err);
