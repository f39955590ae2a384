#pragma once
/* The truth: every object as bytes under a key, one revision counter, watches. The words are etcd's, so
 * that etcd can stand behind the same interface. Reads are answered from memory; writes are handed to a
 * writer off the loop and acknowledged when they are on disk (WAL, synchronous=FULL, group commit). */

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys are "<group>/<plural>/<namespace>/<name>" ("" for the core group and for cluster scope): prefixes
 * select a kind or a namespace of it. Values are compact JSON, opaque here. */

struct store;

struct store_item {
    const char *key;
    const void *value; /* NULL in a deletion */
    size_t len;
    int64_t create_revision;
    int64_t mod_revision;
};

enum store_event_type { STORE_PUT, STORE_DELETE };
struct store_event {
    enum store_event_type type;
    const struct store_item *item;     /* of a deletion: key and the revision of the deletion */
    const struct store_item *previous; /* NULL for a creation */
};

/* Storage classes: what is kept on disk, and what is only kept in memory and may be lost at a crash
 * (leases, events, heartbeat times: they do not wear the card). */
enum store_class { STORE_DURABLE, STORE_VOLATILE };

/* Opens or creates the database `path`. Revisions are reserved in persisted blocks: they never go back,
 * not even after a crash. Blocks while reading. */
nodiscard int store_open(struct loop *loop, const char *path, struct store **ret, struct err *err);
/* Writes what was handed over, waits for the writer, closes. */
void store_close(struct store *store);

int64_t store_revision(const struct store *store); /* the latest acknowledged */
int64_t store_compacted(const struct store *store); /* watches from at or before this revision get -ESTALE */

/* Borrowed until the next call into the store or the return to the loop. -ENOENT. */
nodiscard int store_get(struct store *store, const char *key, struct store_item *ret);
/* In byte order of the keys, starting after start_after (NULL: from the first), until fn returns non-zero
 * (returned). */
typedef int store_list_fn(void *ctx, const struct store_item *item);
int store_list(struct store *store, const char *prefix, const char *start_after, store_list_fn *fn, void *ctx);
size_t store_count(struct store *store, const char *prefix);

/* The result of a write, from the loop, never from inside the call: code 0 and the new revision;
 * -EEXIST / -ENOENT / -ESTALE (the precondition does not hold), -ENOSPC, -EIO (the store is fenced: every
 * later write fails until it is opened again). */
typedef void store_done_fn(void *ctx, int code, int64_t revision);

#define STORE_ANY INT64_C(-1) /* no precondition */
#define STORE_NONE INT64_C(0) /* the key must not exist */
/* value is copied. expect: STORE_ANY, STORE_NONE, or the mod_revision the key must have. Preconditions are
 * checked against all writes handed over before, so two writers with one expectation cannot both win.
 * The event and the memory image appear when the write is durable. */
void store_put(struct store *store, enum store_class class, const char *key, const void *value, size_t len,
               int64_t expect, store_done_fn *done, void *ctx);
void store_delete(struct store *store, const char *key, int64_t expect, store_done_fn *done, void *ctx);

/* Events with mod_revision > from (from 0: the present items first as puts, then live), in order, from the
 * loop. -ESTALE if `from` is compacted. Freed inside its own callback if need be. */
struct store_watch;
typedef void store_watch_fn(void *ctx, const struct store_event *event);
nodiscard int store_watch(struct store *store, const char *prefix, int64_t from, store_watch_fn *fn, void *ctx,
                          struct store_watch **ret);
void store_watch_free(struct store_watch *watch);
