#pragma once
/* What each key will be once the writes that were handed over are done: preconditions are checked
 * against this, so that two writers with one expectation cannot both win. Pure. */

#include "controller/store/item.h"

#include "common/base/map.h"

/* What a write meets at its key. */
struct pending_state {
    bool exists;
    int64_t create_revision, mod_revision;
    int64_t row; /* of the database, kept until the row is deleted; 0: none */
};

struct pending {
    struct map *keys; /* of struct pending_key; only keys with writes under way */
};

void pending_init(struct pending *pending);
void pending_done(struct pending *pending);
/* The state that the next write of key meets; item is what the index holds (NULL: nothing). */
struct pending_state pending_lookup(const struct pending *pending, const char *key,
                                    const struct item *item);
/* One more write of the key is under way, after which it is in this state. */
void pending_add(struct pending *pending, const char *key, const struct pending_state *state);
/* One write of the key is done. */
void pending_drop(struct pending *pending, const char *key);
/* All of them failed: the index is the truth again. */
void pending_clear(struct pending *pending);

/* 0, or why a write that expects this (STORE_ANY, STORE_NONE or a revision) may not go ahead:
 * -EEXIST, -ENOENT, -ESTALE. */
int pending_check(const struct pending_state *state, int64_t expect);
