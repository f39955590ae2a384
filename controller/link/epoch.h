#pragma once
/* Which life of the gateway's knowledge this is. A restore from a backup begins a new epoch, so
 * that nodes take indexes of lower generations than they hold; and until somebody says that all is
 * settled, its indexes say "adopt": what a node holds and the backup does not list is kept. */

#include "common/base/buf.h"
#include "controller/store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define EPOCH_KEY "limpet.io/epoch//current" /* in the store; none: the first epoch */

struct epoch {
    uint64_t number; /* from 1 */
    bool adopt;
};

/* Of a store that was opened. -EBADMSG: its record cannot be read. */
nodiscard int epoch_read(struct store *store, struct epoch *ret, struct err *err);
/* The record as it is stored. */
void epoch_write(const struct epoch *epoch, struct buf *ret);
nodiscard int epoch_parse(const void *text, size_t len, struct epoch *ret, struct err *err);
/* What a restore at this wall clock begins: later than `last`, and than what other restores of the
 * same backup began, as far as the clock is right. */
struct epoch epoch_after(const struct epoch *last, int64_t wall_ns);
