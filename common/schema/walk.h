#pragma once
/* Where a walk over an object is: the path that mistakes are told with, and where they go. */

#include "common/schema/schema.h"

struct schema_walk {
    struct diags *diags;
    struct buf path;
    const struct value *object; /* whose check function runs */
    unsigned flags;
    size_t mistakes;
    uint64_t cost; /* what rules that could take long have taken so far, in steps of their own */
};

void walk_init(struct schema_walk *walk, unsigned flags, struct diags *diags);
void walk_done(struct schema_walk *walk);
CLEANUP_DEFINE_VALUE(struct schema_walk, walk_done);

/* Steps into a field, a key of a map or an item of a list; returns the mark for walk_leave. */
size_t walk_enter(struct schema_walk *walk, const char *field);
size_t walk_enter_key(struct schema_walk *walk,
                      const char *key); /* ["a.b/c"] where it is no word */
size_t walk_enter_item(struct schema_walk *walk, size_t i);
void walk_leave(struct schema_walk *walk, size_t mark);
/* A mistake at the current path. */
void walk_mistake(struct schema_walk *walk, int line, const char *cause, const char *fmt, ...)
    printf_like(4, 5);
