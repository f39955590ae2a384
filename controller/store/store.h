#pragma once
/* The truth: every object as bytes under a key, one revision counter, watches. The words are
 * etcd's, so that etcd can stand behind the same interface. Reads are answered from memory; writes
 * are handed to a writer off the loop and acknowledged when they are on disk (WAL,
 * synchronous=FULL, group commit). */

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/histogram.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys are "<group>/<plural>/<namespace>/<name>" ("" for the core group and for cluster scope):
 * prefixes select a kind or a namespace of it. Values are compact JSON, opaque here. */

struct disk;
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

/* Storage classes: what is kept on disk, and what is only kept in memory and is lost when the store
 * is closed (leases, events, heartbeat times: they do not wear the card). */
enum store_class { STORE_DURABLE, STORE_VOLATILE };

/* A lease: what is put under one goes by itself, as a deletion with a revision of its own and an
 * event to watches. A key's time begins anew with each put; beyond the bounds what was put longest
 * ago goes first. */
struct store_lease {
    int64_t ttl_ns;   /* 0: no end */
    size_t max_items; /* 0: no bound */
    size_t max_bytes; /* of keys and values, and what holding them takes */
};

#define STORE_MAX_KEY 1024
#define STORE_MAX_VALUE (2 * 1024 * 1024)   /* the API's cap is lower */
#define STORE_MAX_QUEUED (64 * 1024 * 1024) /* bytes that wait for the disk or behind it */

/* Opens or creates the database `path`, for this process alone. Revisions are reserved in persisted
 * blocks: they never go back, not even after a crash. Blocks while reading. Everything is checked;
 * what is damaged is refused, unchanged, with what to do: -EBADMSG (damaged, or not ours), -EBUSY
 * (another process has it open), -ENOTSUP (of a newer version), -EACCES, -ENOSPC, -EIO... path
 * NULL: a store in memory only, without a thread, for tests and simulations. */
nodiscard int store_open(struct loop *loop, const char *path, struct store **ret, struct err *err);
/* The same on another medium than the real disk: a simulated one. */
struct store_medium {
    struct disk *disk; /* borrowed for the call */
    const char *vfs;   /* SQLite's name for it; NULL: the default one, which is the real disk */
};
nodiscard int store_open_on(struct loop *loop, const struct store_medium *medium, const char *path,
                            struct store **ret, struct err *err);
/* Writes what was handed over, waits for the writer, closes. NULL is fine. Not from inside one of
 * the store's callbacks. Calls nobody: what was not yet reported done never is. Frees remaining
 * watches. */
void store_close(struct store *store);

int64_t store_revision(const struct store *store); /* the latest acknowledged */
/* Watches of this prefix from before this revision get -ESTALE. Changes are remembered by kind (the
 * first two segments of a key): many of one shorten no other's. Opening compacts everything: no
 * watch goes on across it. */
int64_t store_compacted(const struct store *store, const char *prefix);

/* Borrowed until the next call into the store or the return to the loop. -ENOENT. */
nodiscard int store_get(struct store *store, const char *key, struct store_item *ret);
/* In byte order of the keys, starting after start_after (NULL: from the first), until fn returns
 * non-zero (returned). */
typedef int store_list_fn(void *ctx, const struct store_item *item);
int store_list(struct store *store, const char *prefix, const char *start_after, store_list_fn *fn,
               void *ctx);
size_t store_count(struct store *store, const char *prefix);

/* The same as it stood at a revision, in as many turns of the loop as it takes: what changes
 * meanwhile is kept for who has not come to it. -ESTALE if that revision is compacted
 * (store_compacted) or in the future. To be freed before the store is closed. */
struct store_cursor;
nodiscard int store_cursor_new(struct store *store, const char *prefix, const char *start_after,
                               int64_t revision, struct store_cursor **ret);
/* The next item; borrowed until the next call with this cursor. -ENOENT at the end; -ESTALE if so
 * much has changed ahead of it (32 MiB for all cursors together) that the rest is lost. */
nodiscard int store_cursor_next(struct store_cursor *cursor, struct store_item *ret);
void store_cursor_free(struct store_cursor *cursor); /* NULL is fine */

struct store_stats {
    size_t bytes;             /* of all that is visible, as memory holds it */
    size_t queued_bytes;      /* handed over, and not yet reported done */
    bool fenced;              /* nothing is written any more until it is opened again */
    bool full;                /* the last transaction found no room on the disk */
    struct histogram commits; /* transactions: how many, and how long they took */
};
void store_stats(const struct store *store, struct store_stats *ret);

/* The result of a write, from the loop, never from inside the call: code 0 and the new revision;
 * -EEXIST / -ENOENT / -ESTALE (the precondition does not hold), -ENOSPC, -EIO (the store is fenced:
 * every later write fails until it is opened again), -ENOBUFS (STORE_MAX_QUEUED), -EMSGSIZE (key or
 * value too long), -EINVAL (an empty key). Results come in the order of the calls, and after the
 * watches have seen the change: who is told of a conflict reads the version it conflicts with. */
typedef void store_done_fn(void *ctx, int code, int64_t revision);

#define STORE_ANY INT64_C(-1) /* no precondition */
#define STORE_NONE INT64_C(0) /* the key must not exist */
/* value is copied. expect: STORE_ANY, STORE_NONE, or the mod_revision the key must have.
 * Preconditions are checked against all writes handed over before, so two writers with one
 * expectation cannot both win. The event and the memory image appear when the write is durable. */
void store_put(struct store *store, enum store_class class, const char *key, const void *value,
               size_t len, int64_t expect, store_done_fn *done, void *ctx);
void store_delete(struct store *store, const char *key, int64_t expect, store_done_fn *done,
                  void *ctx);

#define STORE_MAX_LEASES 255
/* A new lease: its number, from 1 on, for as long as the store is open. */
int store_grant(struct store *store, const struct store_lease *terms);
/* As store_put, volatile, under that lease. Any other put of the key takes it from the lease. */
void store_put_leased(struct store *store, int lease, const char *key, const void *value,
                      size_t len, int64_t expect, store_done_fn *done, void *ctx);

/* Events with mod_revision > from (from 0: the present items first as puts, in the order of their
 * keys, then live), in order, from the loop, never from inside this call. Only keys that begin with
 * prefix. -ESTALE if `from` is compacted, or in the future (of another life of this store): list
 * again. May be freed inside any callback, its own included; items are borrowed for the call. */
struct store_watch;
typedef void store_watch_fn(void *ctx, const struct store_event *event);
nodiscard int store_watch(struct store *store, const char *prefix, int64_t from, store_watch_fn *fn,
                          void *ctx, struct store_watch **ret);
void store_watch_free(struct store_watch *watch);
/* Whether everything from before it began has been told: what comes now is new. */
bool store_watch_is_live(const struct store_watch *watch);

/* Everything durable as it is now, while writes go on: for a backup. It holds the versions in
 * memory until it is freed (NULL is fine), before the store is closed. */
struct store_snapshot;
struct store_snapshot *store_snapshot_new(struct store *store);
void store_snapshot_free(struct store_snapshot *snapshot);
int64_t store_snapshot_revision(const struct store_snapshot *snapshot);
size_t store_snapshot_count(const struct store_snapshot *snapshot);
/* i < count, in the order of the keys; borrowed from the snapshot. */
struct store_item store_snapshot_at(const struct store_snapshot *snapshot, size_t i);
