#pragma once
/* A new database with what another held: for a restore. Nothing else has it open. Blocks. */

#include "controller/store/store.h"

struct store_fill;

/* -EEXIST: there is one. */
nodiscard int store_fill_new(const char *path, struct store_fill **ret, struct err *err);
/* Closes; what was not ended is not whole. NULL is fine. */
void store_fill_free(struct store_fill *fill);
/* Each key once. */
nodiscard int store_fill_put(struct store_fill *fill, const struct store_item *item,
                             struct err *err);
/* All is on the medium. No revision up to this one is given out again. */
nodiscard int store_fill_end(struct store_fill *fill, int64_t revision, struct err *err);
