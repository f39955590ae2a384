#pragma once
/* The latest changes in memory: what watches resume from. Each kind (the first two segments of a
 * key) has a ring of its own under caps that all share: when one is passed, the oldest change of
 * the kind that holds most goes, so that a flood of one kind shortens no other's memory. Pure. */

#include "common/base/map.h"
#include "controller/store/item.h"

struct history_event {
    struct item *item;     /* the new version, or a tombstone */
    struct item *previous; /* NULL for a creation */
};

struct history {
    struct map *rings; /* kind, with its last slash -> struct ring; none is empty */
    size_t count, max_events;
    size_t bytes, max_bytes; /* of both versions and of what holding them takes */
    int64_t floor;           /* the revision at which the history of a kind without a ring begins */
};

/* compacted: the revision at which the history begins. */
void history_init(struct history *history, size_t max_events, size_t max_bytes, int64_t compacted);
void history_done(struct history *history);
/* Takes references of its own. Revisions ascend. The newest change is always kept. */
void history_push(struct history *history, struct item *item, struct item *previous);
/* The revision of the latest change that is no longer held, of the kinds that have keys with this
 * prefix: what came after it is all here. */
int64_t history_compacted(const struct history *history, const char *prefix);
/* Changes with a revision > from of the kinds that have keys with this prefix (of one kind: all of
 * them, whatever follows in the prefix), in the order of their revisions. */
typedef void history_fn(void *ctx, const struct history_event *event);
void history_each(const struct history *history, const char *prefix, int64_t from, history_fn *fn,
                  void *ctx);
