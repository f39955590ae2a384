#pragma once
/* Required node affinity (core/v1 NodeSelector): which nodes a pod may go to at all. Pure. */

#include "controller/sched/view.h"

/* selector: requiredDuringSchedulingIgnoredDuringExecution of a pod's nodeAffinity; NULL: every
 * node matches. Its terms are alternatives, their requirements hold together; a term without any,
 * and a selector without terms, match no node. */
bool affinity_matches(const struct value *selector, const struct sched_node *node);
