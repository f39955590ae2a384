#include "controller/sched/queue.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <stdbool.h>
#include <stdlib.h>

void sched_queue_done(struct sched_queue *queue)
{
    free(queue->heap);
    *queue = (struct sched_queue){0};
}

static bool before(const struct sched_entry *a, const struct sched_entry *b)
{
    if (a->priority != b->priority && !WEAKENED(SCHED_PRIORITY))
        return a->priority > b->priority;
    return a->turn < b->turn;
}

static void put_at(struct sched_queue *queue, size_t i, struct sched_entry *entry)
{
    queue->heap[i] = entry;
    entry->place = i + 1;
}

static size_t sift_up(struct sched_queue *queue, size_t i, const struct sched_entry *entry)
{
    for (; i > 0 && before(entry, queue->heap[(i - 1) / 2]); i = (i - 1) / 2)
        put_at(queue, i, queue->heap[(i - 1) / 2]);
    return i;
}

static size_t sift_down(struct sched_queue *queue, size_t i, const struct sched_entry *entry)
{
    for (size_t child; (child = 2 * i + 1) < queue->count; i = child) {
        if (child + 1 < queue->count && before(queue->heap[child + 1], queue->heap[child]))
            child++;
        if (!before(queue->heap[child], entry))
            break;
        put_at(queue, i, queue->heap[child]);
    }
    return i;
}

void sched_queue_put(struct sched_queue *queue, struct sched_entry *entry, int64_t priority)
{
    sched_queue_drop(queue, entry);
    if (queue->count == queue->room) {
        queue->room = queue->room ? 2 * queue->room : 16;
        queue->heap = xreallocarray(queue->heap, queue->room, sizeof(struct sched_entry *));
    }
    entry->priority = priority;
    entry->turn = queue->turns++;
    put_at(queue, sift_up(queue, queue->count++, entry), entry);
}

void sched_queue_drop(struct sched_queue *queue, struct sched_entry *entry)
{
    if (entry->place == 0)
        return;
    size_t i = entry->place - 1;
    struct sched_entry *last = queue->heap[--queue->count];
    entry->place = 0;
    if (last != entry)
        put_at(queue, sift_down(queue, sift_up(queue, i, last), last), last);
}

struct sched_entry *sched_queue_take(struct sched_queue *queue)
{
    struct sched_entry *first = queue->count ? queue->heap[0] : NULL;
    if (first)
        sched_queue_drop(queue, first);
    return first;
}
