#pragma once
/* The leases of a store: keeps what each holds, and has what it no longer holds deleted, one after
 * the other. */

#include "controller/store/item.h"

#include "common/loop/loop.h"

/* Deletes the key if this is its latest version; done is called as the store calls it. */
typedef void leases_end_fn(void *ctx, const struct item *item, store_done_fn *done, void *done_ctx);

struct grant;

struct leases {
    struct loop *loop;
    leases_end_fn *end;
    void *ctx;
    struct grant **grants; /* by number less one */
    size_t count;
};

void leases_init(struct leases *leases, struct loop *loop, leases_end_fn *end, void *ctx);
void leases_done(struct leases *leases);
int leases_grant(struct leases *leases, const struct store_lease *terms);
/* item became visible in place of previous (NULL: none). */
void leases_change(struct leases *leases, const struct item *item, const struct item *previous);
/* After a write: begins to delete what is too much. What is over by time goes by a timer. */
void leases_settle(struct leases *leases);
