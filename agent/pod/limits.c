#include "agent/pod/limits.h"

#include "agent/pod/amount.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_qos.h"
#include "common/schema/quantity.h"

#include <stdbool.h>

#define DEFAULT_PIDS 4096

static int64_t quota_of(int64_t milli)
{
    int64_t quota = milli * 100; /* of a period of 100,000 us */
    return quota > 0 && quota < 1000 ? 1000 : quota;
}

static int64_t shares_of(int64_t milli)
{
    int64_t shares = milli * 1024 / 1000;
    return shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
}

/* Kubernetes' "Node out of memory behavior": the less of the node's memory a container asked for,
 * the earlier it goes. */
static int oom_score_adj(const struct value *spec, const struct value *container,
                         int64_t node_memory)
{
    enum pod_qos qos = pod_qos(spec);
    if (qos == POD_QOS_GUARANTEED || value_get_int(spec, "priority", 0) >= CRITICAL_PRIORITY)
        return -997;
    if (qos == POD_QOS_BEST_EFFORT)
        return 1000;
    int64_t asked = amount_of(container, "requests", "memory");
    int64_t share = node_memory <= 0      ? 0
                    : asked > node_memory ? 1000
                                          : (int64_t)((double)asked * 1000 / (double)node_memory);
    int64_t adj = 1000 - share;
    return adj < 3 ? 3 : adj > 999 ? 999 : (int)adj;
}

void limits_of_container(const struct value *spec, const struct value *container,
                         int64_t node_memory, struct launch_container *ret)
{
    ret->memory_bytes = amount_of(container, "limits", "memory");
    ret->cpu_quota_us = quota_of(amount_of(container, "limits", "cpu"));
    ret->cpu_shares = shares_of(amount_of(container, "requests", "cpu"));
    ret->pids = WEAKENED(POD_PIDS) ? 0 : DEFAULT_PIDS;
    ret->oom_score_adj = WEAKENED(OOM_SCORE) ? 0 : oom_score_adj(spec, container, node_memory);
}

void limits_of_pod(const struct value *spec, struct launch_plan *ret)
{
    bool all;
    int64_t memory = amount_of_pod(spec, "limits", "memory", &all);
    ret->memory_bytes = all ? memory : 0;
    int64_t cpu = amount_of_pod(spec, "limits", "cpu", &all);
    ret->cpu_quota_us = all ? quota_of(cpu) : 0;
    ret->cpu_shares = shares_of(amount_of_pod(spec, "requests", "cpu", NULL));
}

void limits_of_huge_pages(const struct value *allocatable, const struct value *spec,
                          const struct value *container, int *ret_bounded, int64_t ret[HUGE_SIZES])
{
    for (size_t i = 0; i < HUGE_SIZES; i++) {
        const char *name = huge_sizes[i].resource;
        if (quantity_units_of(value_get(allocatable, name), 0) <= 0)
            continue;
        *ret_bounded |= 1 << i;
        ret[i] = container ? amount_of(container, "limits", name)
                           : amount_of_pod(spec, "limits", name, NULL);
    }
}
