#include "controller/store/lease.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <stdlib.h>
#include <string.h>

void lease_init(struct lease *lease, const struct store_lease *terms)
{
    *lease = (struct lease){.terms = *terms};
}

void lease_done(struct lease *lease)
{
    free(lease->slots);
    *lease = (struct lease){0};
}

/* Room at the end: by closing gaps, if they are many, else by growing. */
static void make_room(struct lease *lease)
{
    size_t kept = 0;
    if (lease->first + lease->count < lease->cap)
        return;
    for (size_t i = 0; i < lease->count; i++)
        if (lease->slots[lease->first + i].item)
            lease->slots[kept++] = lease->slots[lease->first + i];
    lease->first = 0;
    lease->count = kept;
    if (kept < lease->cap / 2)
        return;
    lease->cap = lease->cap ? lease->cap * 2 : 64;
    lease->slots = xreallocarray(lease->slots, lease->cap, sizeof(*lease->slots));
}

void lease_add(struct lease *lease, const struct item *item, int64_t now)
{
    bool endless = lease->terms.ttl_ns == 0 || WEAKENED(LEASE_TIME);
    make_room(lease);
    lease->slots[lease->first + lease->count++] = (struct lease_slot){
        .item = item,
        .revision = item->mod_revision,
        .ends = endless ? INT64_MAX : now + lease->terms.ttl_ns,
    };
    lease->held++;
    lease->bytes += item_bytes(item);
}

static struct lease_slot *find(const struct lease *lease, int64_t revision)
{
    size_t low = 0, high = lease->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (lease->slots[lease->first + mid].revision < revision)
            low = mid + 1;
        else
            high = mid;
    }
    return low < lease->count ? &lease->slots[lease->first + low] : NULL;
}

void lease_remove(struct lease *lease, const struct item *item)
{
    struct lease_slot *slot = find(lease, item->mod_revision);
    if (!slot || slot->item != item)
        return;
    slot->item = NULL;
    lease->held--;
    lease->bytes -= item_bytes(item);
    while (lease->count > 0 && !lease->slots[lease->first].item) {
        lease->first++;
        lease->count--;
    }
}

const struct item *lease_due(const struct lease *lease, int64_t now)
{
    const struct store_lease *terms = &lease->terms;
    bool many = (terms->max_items && lease->held > terms->max_items) ||
                (terms->max_bytes && lease->bytes > terms->max_bytes);
    bool due = (many && !WEAKENED(LEASE_BOUND)) || lease_next(lease) <= now;
    return due ? lease->slots[lease->first].item : NULL;
}

int64_t lease_next(const struct lease *lease)
{
    return lease->count > 0 ? lease->slots[lease->first].ends : INT64_MAX;
}
