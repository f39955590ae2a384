#include "agent/pod/limits.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_qos.h"
#include "common/schema/quantity.h"

#include <stdbool.h>

#define DEFAULT_PIDS 4096
#define CPU_MILLI_MAX (INT64_C(1000) * 1000 * 1000)
#define MEMORY_MAX (INT64_MAX / (2 * LAUNCH_MAX_CONTAINERS)) /* sums of them hold */
#define CRITICAL_PRIORITY INT64_C(2000000000)

/* ---- amounts of a container ---- */

/* Thousandths of a CPU; no more than the sums made of it hold, and than any machine has. */
static int64_t cpu_of(const struct value *container, const char *which)
{
    const struct value *list = value_path(container, "resources", which, NULL);
    int64_t milli = quantity_milli_of(value_get(list, "cpu"), 0);
    return milli > CPU_MILLI_MAX ? CPU_MILLI_MAX : milli;
}

static int64_t memory_of(const struct value *container, const char *which)
{
    const struct value *list = value_path(container, "resources", which, NULL);
    int64_t bytes = quantity_units_of(value_get(list, "memory"), 0);
    return bytes > MEMORY_MAX ? MEMORY_MAX : bytes;
}

typedef int64_t amount_fn(const struct value *container, const char *which);

/* As Kubernetes reckons: containers and sidecars together, or more where an init container needs it
 * (KEP-753). *ret_all: each of them says how much. */
static int64_t amount_of_pod(const struct value *spec, amount_fn *amount, const char *which,
                             bool *ret_all)
{
    const struct value *inits = value_get(spec, "initContainers");
    const struct value *mains = value_get(spec, "containers");
    int64_t sidecars = 0, most = 0, sum = 0;
    *ret_all = true;
    for (size_t i = 0; i < value_len(inits); i++) {
        const struct value *container = value_at(inits, i);
        int64_t own = amount(container, which);
        *ret_all &= own > 0;
        if (sidecars + own > most)
            most = sidecars + own;
        if (str_eq(value_get_str(container, "restartPolicy"), "Always"))
            sidecars += own;
    }
    for (size_t i = 0; i < value_len(mains); i++) {
        int64_t own = amount(value_at(mains, i), which);
        *ret_all &= own > 0;
        sum += own;
    }
    return sum + sidecars > most ? sum + sidecars : most;
}

/* ---- in the kernel's words ---- */

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
    int64_t asked = memory_of(container, "requests");
    int64_t share = node_memory <= 0      ? 0
                    : asked > node_memory ? 1000
                                          : (int64_t)((double)asked * 1000 / (double)node_memory);
    int64_t adj = 1000 - share;
    return adj < 3 ? 3 : adj > 999 ? 999 : (int)adj;
}

void limits_of_container(const struct value *spec, const struct value *container,
                         int64_t node_memory, struct launch_container *ret)
{
    ret->memory_bytes = memory_of(container, "limits");
    ret->cpu_quota_us = quota_of(cpu_of(container, "limits"));
    ret->cpu_shares = shares_of(cpu_of(container, "requests"));
    ret->pids = DEFAULT_PIDS;
    ret->oom_score_adj = WEAKENED(OOM_SCORE) ? 0 : oom_score_adj(spec, container, node_memory);
}

void limits_of_pod(const struct value *spec, struct launch_plan *ret)
{
    bool all;
    int64_t memory = amount_of_pod(spec, memory_of, "limits", &all);
    ret->memory_bytes = all ? memory : 0;
    int64_t cpu = amount_of_pod(spec, cpu_of, "limits", &all);
    ret->cpu_quota_us = all ? quota_of(cpu) : 0;
    ret->cpu_shares = shares_of(amount_of_pod(spec, cpu_of, "requests", &all));
}
