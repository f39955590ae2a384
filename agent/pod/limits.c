#include "agent/pod/limits.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_needs.h"
#include "common/kinds/pod_qos.h"
#include "common/schema/quantity.h"

#include <stdbool.h>

#define DEFAULT_PIDS 4096
#define CPU_MILLI_MAX (INT64_C(1000) * 1000 * 1000) /* more than any machine has */

static int64_t bounded(int64_t milli)
{
    return milli > CPU_MILLI_MAX ? CPU_MILLI_MAX : milli;
}

static int64_t quota_of(int64_t milli)
{
    int64_t quota = bounded(milli) * 100; /* of a period of 100,000 us */
    return quota > 0 && quota < 1000 ? 1000 : quota;
}

static int64_t shares_of(int64_t milli)
{
    int64_t shares = bounded(milli) * 1024 / 1000;
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
    int64_t asked = pod_needs_of_container(container, "requests", "memory");
    int64_t share = node_memory <= 0      ? 0
                    : asked > node_memory ? 1000
                                          : (int64_t)((double)asked * 1000 / (double)node_memory);
    int64_t adj = 1000 - share;
    return adj < 3 ? 3 : adj > 999 ? 999 : (int)adj;
}

void limits_of_container(const struct value *spec, const struct value *container,
                         int64_t node_memory, struct launch_container *ret)
{
    ret->memory_bytes = pod_needs_of_container(container, "limits", "memory");
    ret->cpu_quota_us = quota_of(pod_needs_of_container(container, "limits", "cpu"));
    ret->cpu_shares = shares_of(pod_needs_of_container(container, "requests", "cpu"));
    ret->pids = WEAKENED(POD_PIDS) ? 0 : DEFAULT_PIDS;
    ret->oom_score_adj = WEAKENED(OOM_SCORE) ? 0 : oom_score_adj(spec, container, node_memory);
}

void limits_of_pod(const struct value *spec, struct launch_plan *ret)
{
    ret->memory_bytes = pod_needs_limit(spec, "memory");
    ret->cpu_quota_us = quota_of(pod_needs_limit(spec, "cpu"));
    ret->cpu_shares = shares_of(pod_needs_amount(spec, "requests", "cpu"));
}

void limits_of_huge_pages(const struct value *allocatable, const struct value *spec,
                          const struct value *container, int *ret_bounded, int64_t ret[HUGE_SIZES])
{
    for (size_t i = 0; i < HUGE_SIZES; i++) {
        const char *name = huge_sizes[i].resource;
        if (quantity_units_of(value_get(allocatable, name), 0) <= 0)
            continue;
        *ret_bounded |= 1 << i;
        ret[i] = container ? pod_needs_of_container(container, "limits", name)
                           : pod_needs_amount(spec, "limits", name);
    }
}
