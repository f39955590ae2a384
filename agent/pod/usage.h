#pragma once
/* What pods and node use of CPU and memory, worked out only when somebody asks: nothing runs and
 * nothing is kept up to date meanwhile. CPU is a rate between two samples; the first question after
 * a while waits a second for the second one. */

#include "agent/pod/agent.h"

#define USAGE_FIRST_NS (1 * NS_PER_S)  /* the window of a first answer */
#define USAGE_AGAIN_NS (5 * NS_PER_S)  /* a sample of this age will do as the first */
#define USAGE_STALE_NS (60 * NS_PER_S) /* ... and of this age no more */
#define USAGE_ASKERS 16

/* {"window": ms, "time": wall ms, "node": {"cpu": nanocores, "cpuTime": ns, "memory": bytes},
 *  "pods": [{"namespace", "name", "uid", "containers": [{"name", "cpu", "cpuTime", "memory"}]}]}:
 * containers that run; cpu is the rate of the window, cpuTime what was used since the container
 * (the node) began; a figure that is not counted here is absent. Borrowed for the call. NULL: the
 * agent ends. */
typedef void usage_fn(void *ctx, const struct value *answer);

struct usage;
struct usage *usage_new(struct agent *agent);
void usage_free(struct usage *usage);
/* fn is called once, from the loop. -EBUSY: USAGE_ASKERS wait already. */
nodiscard int usage_ask(struct usage *usage, usage_fn *fn, void *ctx);
/* The asker went away. */
void usage_forget(struct usage *usage, const void *ctx);
