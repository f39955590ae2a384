#include "controller/store/history.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <stdlib.h>
#include <string.h>

#define RING_MIN 4 /* most kinds see few changes */

struct ring {
    struct history_event *events;
    size_t head, count, cap;
    size_t bytes;
    int64_t compacted;
    char kind[];
};

void history_init(struct history *history, size_t max_events, size_t max_bytes, int64_t compacted)
{
    *history = (struct history){
        .rings = map_new(),
        .max_events = max_events,
        .max_bytes = max_bytes,
        .floor = compacted,
    };
}

/* How many bytes of a key, or of a prefix of keys, name its kind. *ret_whole: that is a whole kind.
 */
static size_t kind_len(const char *key, bool *ret_whole)
{
    const char *slash = strchr(key, '/');
    const char *second = slash ? strchr(slash + 1, '/') : NULL;
    *ret_whole = second != NULL;
    return second ? (size_t)(second - key) + 1 : strlen(key);
}

static struct ring *ring_find(const struct history *history, const char *key)
{
    bool whole;
    autofree char *kind = xstrndup(key, kind_len(key, &whole));
    return map_get(history->rings, kind);
}

static struct ring *ring_new(struct history *history, const char *key)
{
    bool whole;
    size_t len = kind_len(key, &whole);
    struct ring *ring = xcalloc(1, sizeof(*ring) + len + 1);
    memcpy(ring->kind, key, len);
    ring->compacted = history->floor;
    (void)map_put(history->rings, ring->kind, ring);
    return ring;
}

static struct history_event *at(const struct ring *ring, size_t i)
{
    return &ring->events[(ring->head + i) % ring->cap];
}

static size_t event_bytes(const struct history_event *event)
{
    return sizeof(*event) + item_bytes(event->item) +
           (event->previous ? item_bytes(event->previous) : 0);
}

static void drop_oldest(struct history *history, struct ring *ring)
{
    struct history_event *event = at(ring, 0);
    size_t bytes = event_bytes(event);
    ring->compacted = event->item->mod_revision;
    item_unref(event->item);
    item_unref(event->previous);
    ring->head = (ring->head + 1) % ring->cap;
    ring->count--;
    ring->bytes -= bytes;
    history->count--;
    history->bytes -= bytes;
}

/* One without events is none: its place in memory is bounded by what it holds. */
static void drop_ring(struct history *history, struct ring *ring)
{
    if (ring->compacted > history->floor)
        history->floor = ring->compacted;
    (void)map_del(history->rings, ring->kind);
    free(ring->events);
    free(ring);
}

void history_done(struct history *history)
{
    void *value;
    if (!history->rings)
        return;
    for (size_t i = 0; map_next(history->rings, &i, NULL, &value);) {
        struct ring *ring = value;
        while (ring->count)
            drop_oldest(history, ring);
        drop_ring(history, ring);
    }
    map_free(history->rings, NULL);
    *history = (struct history){0};
}

static void grow(struct ring *ring)
{
    size_t cap = ring->cap ? ring->cap * 2 : RING_MIN;
    struct history_event *events = xreallocarray(NULL, cap, sizeof(*events));
    for (size_t i = 0; i < ring->count; i++)
        events[i] = *at(ring, i);
    free(ring->events);
    ring->events = events;
    ring->cap = cap;
    ring->head = 0;
}

/* The kind that holds most of what there is too much of; not the newest change, of `newest`. NULL:
 * that is all there is. */
static struct ring *victim(const struct history *history, const struct ring *newest)
{
    bool by_bytes = history->bytes > history->max_bytes;
    struct ring *most = NULL;
    void *value;
    for (size_t i = 0; map_next(history->rings, &i, NULL, &value);) {
        struct ring *ring = value;
        if (ring == newest && ring->count == 1)
            continue;
        bool more = most && (by_bytes ? ring->bytes > most->bytes : ring->count > most->count);
        if (!most || (more && !WEAKENED(HISTORY_SHARES)))
            most = ring;
    }
    return most;
}

static bool is_over(const struct history *history)
{
    return history->count > history->max_events || history->bytes > history->max_bytes;
}

void history_push(struct history *history, struct item *item, struct item *previous)
{
    struct ring *ring = ring_find(history, item_key(item)), *most;
    if (!ring)
        ring = ring_new(history, item_key(item));
    if (ring->count == ring->cap)
        grow(ring);
    struct history_event *event = at(ring, ring->count);
    *event = (struct history_event){.item = item_ref(item), .previous = item_ref(previous)};
    size_t bytes = event_bytes(event);
    ring->count++;
    ring->bytes += bytes;
    history->count++;
    history->bytes += bytes;
    while (is_over(history) && (most = victim(history, ring))) {
        drop_oldest(history, most);
        if (!most->count)
            drop_ring(history, most);
    }
}

static bool concerns(const struct ring *ring, const char *prefix, size_t len)
{
    size_t kind = strlen(ring->kind);
    return strncmp(ring->kind, prefix, kind < len ? kind : len) == 0;
}

typedef void ring_fn(void *ctx, const struct ring *ring);

static void each_ring(const struct history *history, const char *prefix, ring_fn *fn, void *ctx)
{
    bool whole;
    size_t len = kind_len(prefix, &whole);
    const struct ring *one = whole ? ring_find(history, prefix) : NULL;
    void *value;
    if (one)
        fn(ctx, one);
    for (size_t i = 0; !whole && map_next(history->rings, &i, NULL, &value);)
        if (concerns(value, prefix, len))
            fn(ctx, value);
}

static void raise_compacted(void *ctx, const struct ring *ring)
{
    int64_t *compacted = ctx;
    if (ring->compacted > *compacted)
        *compacted = ring->compacted;
}

int64_t history_compacted(const struct history *history, const char *prefix)
{
    bool whole;
    (void)kind_len(prefix, &whole);
    /* The floor is that of kinds that are not there, of which a ring that is there need not know.
     */
    int64_t compacted = whole && ring_find(history, prefix) ? 0 : history->floor;
    each_ring(history, prefix, raise_compacted, &compacted);
    return compacted;
}

struct found {
    const struct history_event **events;
    size_t count, cap;
    int64_t from;
};

static void gather(void *ctx, const struct ring *ring)
{
    struct found *found = ctx;
    size_t low = 0, high = ring->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (at(ring, mid)->item->mod_revision <= found->from)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < ring->count; low++) {
        if (found->count == found->cap) {
            found->cap = found->cap ? found->cap * 2 : 64;
            found->events = xreallocarray(found->events, found->cap, sizeof(*found->events));
        }
        found->events[found->count++] = at(ring, low);
    }
}

static int by_revision(const void *a, const void *b)
{
    const struct history_event *const *x = a, *const *y = b;
    int64_t left = (*x)->item->mod_revision, right = (*y)->item->mod_revision;
    return (left > right) - (left < right);
}

void history_each(const struct history *history, const char *prefix, int64_t from, history_fn *fn,
                  void *ctx)
{
    struct found found = {.from = from};
    bool whole;
    (void)kind_len(prefix, &whole);
    each_ring(history, prefix, gather, &found);
    if (!whole && found.count > 1)
        qsort(found.events, found.count, sizeof(*found.events), by_revision);
    for (size_t i = 0; i < found.count; i++)
        fn(ctx, found.events[i]);
    free(found.events);
}
