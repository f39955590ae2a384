#include "controller/store/leases.h"

#include "common/base/mem.h"
#include "controller/store/lease.h"

#include <errno.h>
#include <stdlib.h>

#define AGAIN_NS NS_PER_S /* after a deletion that failed */

struct grant {
    struct leases *leases;
    struct lease lease;
    struct loop_timer *timer;
    bool ending; /* a deletion is under way, or is to be tried again by the timer */
};

void leases_init(struct leases *leases, struct loop *loop, leases_end_fn *end, void *ctx)
{
    *leases = (struct leases){.loop = loop, .end = end, .ctx = ctx};
}

void leases_done(struct leases *leases)
{
    for (size_t i = 0; i < leases->count; i++) {
        loop_timer_free(leases->grants[i]->timer);
        lease_done(&leases->grants[i]->lease);
        free(leases->grants[i]);
    }
    free(leases->grants);
    *leases = (struct leases){0};
}

/* The deletion stood in the store's queue behind all writes before it: where it met another version
 * or none (-ESTALE, -ENOENT), the lease knows of that by now. */
static void on_ended(void *ctx, int code, int64_t revision)
{
    struct grant *grant = ctx;
    (void)revision;
    if (code == 0 || code == -ESTALE || code == -ENOENT)
        grant->ending = false;
    else
        loop_timer_after(grant->timer, AGAIN_NS);
}

static void settle(struct grant *grant)
{
    struct leases *leases = grant->leases;
    int64_t next = lease_next(&grant->lease);
    if (grant->ending)
        return;
    const struct item *item = lease_due(&grant->lease, loop_now(leases->loop));
    if (item) {
        grant->ending = true;
        leases->end(leases->ctx, item, on_ended, grant);
    } else if (next != INT64_MAX && !loop_timer_armed(grant->timer)) {
        loop_timer_at(grant->timer, next); /* or earlier: then it finds nothing due */
    }
}

static void on_time(void *ctx)
{
    struct grant *grant = ctx;
    grant->ending = false;
    settle(grant);
}

int leases_grant(struct leases *leases, const struct store_lease *terms)
{
    if (leases->count == STORE_MAX_LEASES)
        abort(); /* as many as the program has kinds */
    struct grant *grant = xcalloc(1, sizeof(*grant));
    grant->leases = leases;
    grant->timer = loop_timer_new(leases->loop, on_time, grant);
    lease_init(&grant->lease, terms);
    leases->grants = xreallocarray(leases->grants, leases->count + 1, sizeof(*leases->grants));
    leases->grants[leases->count++] = grant;
    return (int)leases->count;
}

static struct lease *lease_of(const struct leases *leases, const struct item *item)
{
    return item && item->lease ? &leases->grants[item->lease - 1]->lease : NULL;
}

void leases_change(struct leases *leases, const struct item *item, const struct item *previous)
{
    struct lease *from = lease_of(leases, previous), *to = lease_of(leases, item);
    if (from)
        lease_remove(from, previous);
    if (to)
        lease_add(to, item, loop_now(leases->loop));
}

void leases_settle(struct leases *leases)
{
    for (size_t i = 0; i < leases->count; i++)
        settle(leases->grants[i]);
}
