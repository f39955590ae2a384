#pragma once
/* What a controller has still to look at: keys, each once however often it is put, the urgent first
 * and of one urgency who came first. One that is held (it is being looked at, or a write about it
 * is under way) waits until it is let go of; one that failed waits longer each time; one that
 * awaits something waits until anything is said to have changed, but for its time alone if it
 * failed since. Nothing is kept of a key that is settled. Pure: times are given. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct work;

/* After failures in a row a key waits wait_ns, twice that..., wait_max_ns. */
struct work *work_new(int64_t wait_ns, int64_t wait_max_ns);
void work_free(struct work *work); /* NULL is fine */

/* To be looked at now; one that waits already does so no longer, one that is there already keeps
 * its place, but for another priority (more comes first). */
void work_put(struct work *work, const char *key, int64_t priority);
/* To be looked at then (boot ns), or when it would be anyhow, if that is earlier; with the priority
 * that it was put with last. */
void work_put_at(struct work *work, const char *key, int64_t at);
/* To be looked at, with that priority, after the next work_stir, or at the time for which it is put
 * from now on; what it was put for before is forgotten. */
void work_await(struct work *work, const char *key, int64_t priority);
/* What awaits is put, in the order in which it came. */
void work_stir(struct work *work);
bool work_awaits(const struct work *work); /* anything does */
/* Whatever it was put for, or awaits, is forgotten. Harmless on any key. */
void work_drop(struct work *work, const char *key);

bool work_waits(const struct work *work, const char *key); /* put, for now or later; or awaits */
size_t work_count(const struct work *work);                /* keys that wait or are held */
/* When the next is due: 0 at once, INT64_MAX never. */
int64_t work_next(const struct work *work);
/* The next that is due, held; NULL: none. Borrowed until it is let go of. */
const char *work_take(struct work *work, int64_t now);

/* Once more: it is let go of as often. */
void work_hold(struct work *work, const char *key);
enum work_end {
    WORK_DONE,
    WORK_AGAIN, /* to be looked at again, now */
    WORK_LATER, /* it failed: again after a while */
    WORK_HELD,  /* it is not let go of */
};
/* Lets go of it. The last who does settles it: what was put meanwhile is due, else what failed for
 * any holder waits. Returns how often in a row it has failed, with this. */
unsigned work_end(struct work *work, const char *key, enum work_end end, int64_t now);
