#pragma once
/* In which order a merged list stands. Pure. */

#include "common/data/value.h"

/* The items of `merged` anew: those that `order` has too in its order; the others in that of `old`,
 * each before the first of the former that came after it there. merge_key as in keyed.h; old and
 * order may be NULL. The caller owns the result. */
struct value *list_order(const struct value *merged, const struct value *old,
                         const struct value *order, const char *merge_key);
