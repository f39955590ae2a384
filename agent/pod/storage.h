#pragma once
/* Looks every now and then how much of the node's disk the pods hold that have limits for it, and
 * ends those that hold more: one pod a turn of the loop. A pod of the node's own folder stays. */

#include "agent/pod/agent.h"

struct storage;

/* period_ns: each such pod is looked at about so often. */
struct storage *storage_new(struct agent *agent, int64_t period_ns);
void storage_free(struct storage *storage); /* before agent_free */
