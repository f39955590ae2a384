#pragma once
/* Readers that go through a collection as it stood at one revision, over several turns of the loop.
 * Nothing is copied: what changes ahead of a reader is kept for it, as it was, until it has come
 * by. Pure. */

#include "common/base/list.h"
#include "controller/store/history.h"
#include "controller/store/tree.h"

/* What all readers together may keep of what is gone already; beyond it the one that keeps most
 * loses its place. */
#define CURSORS_MAX_BYTES ((size_t)32 * 1024 * 1024)

struct cursors {
    struct list list; /* of struct store_cursor */
    const struct tree *tree;
    size_t bytes; /* that they keep */
};

void cursors_init(struct cursors *set, const struct tree *tree);
/* A change has happened; what it replaces may have to be kept. */
void cursors_see(struct cursors *set, const struct item *item, struct item *previous);

/* As store_cursor_new; history reaches back to the revision. */
struct store_cursor *cursor_new(struct cursors *set, const struct history *history,
                                const char *prefix, const char *start_after, int64_t revision);
