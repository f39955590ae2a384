#pragma once
/* What a lease holds: the latest versions of its keys in the order of their puts, which is the
 * order in which they end. Pure. */

#include "controller/store/item.h"

struct lease_slot {
    const struct item *item; /* borrowed from the index; NULL: it is no longer there */
    int64_t revision;
    int64_t ends; /* boot ns */
};

struct lease {
    struct store_lease terms;
    struct lease_slot *slots; /* revisions ascend; the first, if there is one, holds an item */
    size_t first, count, cap; /* first..first + count are in use */
    size_t held, bytes;       /* of items */
};

void lease_init(struct lease *lease, const struct store_lease *terms);
void lease_done(struct lease *lease);
/* A version was put under it, with a revision above all before. */
void lease_add(struct lease *lease, const struct item *item, int64_t now);
/* A version that was put under it is no longer the latest of its key. */
void lease_remove(struct lease *lease, const struct item *item);
/* The version that is to go now, the oldest there is: its time is over, or there are too many.
 * NULL: none. */
const struct item *lease_due(const struct lease *lease, int64_t now);
/* When the next one's time is over; INT64_MAX if never. */
int64_t lease_next(const struct lease *lease);
