#pragma once
/* Which node a pod goes to: filters, then a score. Pure. */

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "controller/sched/view.h"

/* The node with the best score among those that pass every filter; among equals one by rng, or,
 * with rng NULL, the first. NULL if there is none: then ret_why (cleared first) says it in
 * Kubernetes' words: "0/3 nodes are available: 1 Insufficient memory, 2 node(s) were
 * unschedulable.". */
const struct sched_node *sched_pick(const struct sched_pod *pod,
                                    const struct sched_node *const *nodes, size_t count,
                                    struct rng *rng, struct buf *ret_why);
