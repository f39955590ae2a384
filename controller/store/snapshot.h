#pragma once
/* The items of the index as they stood at a revision that the history still reaches back to. Pure.
 */

#include "controller/store/history.h"
#include "controller/store/tree.h"

/* As store_list. -ESTALE if changes since that revision are not held any more. */
int snapshot_each(const struct tree *tree, const struct history *history, const char *prefix,
                  const char *start_after, int64_t revision, store_list_fn *fn, void *ctx);
