#pragma once
/* "Did you mean": the name that is nearest to what somebody wrote. */

#include <stddef.h>

/* How many letters to insert, delete, change or swap to make b of a, case ignored; `max` + 1 at
 * most. Looks at the first 64 characters only. */
size_t near_distance(const char *a, const char *b, size_t max);

/* Keeps the better of a candidate and what was best so far. Zero-initialise but for `wanted`. */
struct near {
    const char *wanted;
    const char *best; /* NULL while nothing is near */
    size_t distance;
};
void near_try(struct near *near, const char *candidate);
