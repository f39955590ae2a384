#pragma once
/* Which pod goes when a node runs out of something (Kubernetes' "Pod selection for kubelet
 * eviction"). Pure. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct candidate {
    int64_t priority;
    int64_t used;      /* of what is short; -1: not known */
    int64_t requested; /* of it */
};

/* Whether its end helps a node of whose disk or processes less than `threshold` is left. Unlike a
 * kubelet, which ends one pod after the other for a disk that somebody else has filled, we leave
 * alone who holds no more than it asked for, or less than a hundredth of the threshold. */
bool victim_helps(const struct candidate *candidate, int64_t threshold);

/* One that uses more than it asked for before one that does not, then the lower priority, then who
 * is further above what it asked for. -ENOENT: there is nobody. */
nodiscard int victim_choose(const struct candidate *candidates, size_t count, size_t *ret);
