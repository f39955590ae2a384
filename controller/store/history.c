#include "controller/store/history.h"

#include "common/base/mem.h"

#include <stdlib.h>

void history_init(struct history *history, size_t max_events, size_t max_bytes, int64_t compacted)
{
    *history = (struct history){
        .max_events = max_events,
        .max_bytes = max_bytes,
        .compacted = compacted,
    };
}

static struct history_event *at(const struct history *history, size_t i)
{
    return &history->ring[(history->head + i) % history->cap];
}

static size_t event_bytes(const struct history_event *event)
{
    return item_bytes(event->item) + (event->previous ? item_bytes(event->previous) : 0);
}

static void drop_oldest(struct history *history)
{
    struct history_event *event = at(history, 0);
    history->bytes -= event_bytes(event);
    history->compacted = event->item->mod_revision;
    item_unref(event->item);
    item_unref(event->previous);
    history->head = (history->head + 1) % history->cap;
    history->count--;
}

void history_done(struct history *history)
{
    while (history->count)
        drop_oldest(history);
    free(history->ring);
    *history = (struct history){0};
}

static void grow(struct history *history)
{
    size_t cap = history->cap ? history->cap * 2 : 64;
    struct history_event *ring = xreallocarray(NULL, cap, sizeof(*ring));
    for (size_t i = 0; i < history->count; i++)
        ring[i] = *at(history, i);
    free(history->ring);
    history->ring = ring;
    history->cap = cap;
    history->head = 0;
}

void history_push(struct history *history, struct item *item, struct item *previous)
{
    if (history->count == history->cap)
        grow(history);
    struct history_event *event = at(history, history->count);
    *event = (struct history_event){.item = item_ref(item), .previous = item_ref(previous)};
    history->count++;
    history->bytes += event_bytes(event);
    while (history->count > 1 &&
           (history->count > history->max_events || history->bytes > history->max_bytes))
        drop_oldest(history);
}

size_t history_find(const struct history *history, int64_t from)
{
    size_t low = 0, high = history->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (at(history, mid)->item->mod_revision <= from)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct history_event *history_at(const struct history *history, size_t i)
{
    return at(history, i);
}
