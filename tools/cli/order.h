#pragma once
/* Lists by time, the oldest first, for kinds that want it (schema_kind.sorted_by). Pure. */

#include "common/data/value.h"

/* Sorts the items of a List, or the rows of a Table that hold whole objects. times: paths, of which
 * the first that is set is an object's time; objects without one come first. What is of the same
 * time keeps its order. */
void order_by_time(struct value *list, const char *const *times);
