#pragma once
/* Who is tried next: the highest priority, and of one priority who came first. Pure. */

#include <stddef.h>
#include <stdint.h>

/* Zeroed to begin with; part of what waits, which must not move while it is in a queue. */
struct sched_entry {
    int64_t priority; /* as it was put */
    uint64_t turn;
    size_t place; /* in the heap, plus one; 0: not there */
};

/* Zeroed to begin with. */
struct sched_queue {
    struct sched_entry **heap; /* borrowed entries */
    size_t count, room;
    uint64_t turns;
};
/* Frees what is the queue's; the entries are let alone. */
void sched_queue_done(struct sched_queue *queue);

/* Behind all of that priority; one that is in it already goes there anew. */
void sched_queue_put(struct sched_queue *queue, struct sched_entry *entry, int64_t priority);
/* The next, which is no longer in it; NULL: empty. */
struct sched_entry *sched_queue_take(struct sched_queue *queue);
/* Harmless on one that is not in it. */
void sched_queue_drop(struct sched_queue *queue, struct sched_entry *entry);
