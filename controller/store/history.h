#pragma once
/* The latest changes, oldest first, in memory under two caps: what watches resume from. Pure. */

#include "controller/store/item.h"

struct history_event {
    struct item *item;     /* the new version, or a tombstone */
    struct item *previous; /* NULL for a creation */
};

struct history {
    struct history_event *ring;
    size_t head, count, cap;
    size_t bytes, max_bytes;
    size_t max_events;
    int64_t compacted; /* the revision of the latest change that is no longer held */
};

/* compacted: the revision at which the history begins. */
void history_init(struct history *history, size_t max_events, size_t max_bytes, int64_t compacted);
void history_done(struct history *history);
/* Takes references of its own. Revisions ascend. The oldest events go when a cap is passed; the
 * newest is always kept. */
void history_push(struct history *history, struct item *item, struct item *previous);
/* The index of the first event with a revision > from; history->count if none. */
size_t history_find(const struct history *history, int64_t from);
const struct history_event *history_at(const struct history *history, size_t i); /* 0 = oldest */
