#include "controller/reconcile/nodes_plan.h"

#include "common/base/weaken.h"

/* A beat may be late by a quarter of its interval. */
static int64_t after_beats(const struct nodes_rules *rules, int64_t from, int missed)
{
    return from + missed * rules->interval_ns + rules->interval_ns / 4;
}

int64_t nodes_plan_deadline(const struct nodes_lease *lease, const struct nodes_rules *rules)
{
    int64_t deadline = after_beats(rules, lease->last_ns, rules->missed);
    if (lease->suspect_ns) {
        int64_t sooner = after_beats(rules, lease->suspect_ns, 1);
        deadline = sooner < deadline ? sooner : deadline;
    }
    return deadline;
}

enum nodes_action nodes_plan(const struct nodes_lease *lease, const struct nodes_rules *rules,
                             enum nodes_ready ready, int64_t now)
{
    if (now < nodes_plan_deadline(lease, rules)) {
        bool back = lease->beaten && (ready == NODES_NONE || ready == NODES_UNKNOWN);
        return back ? NODES_MARK_READY : NODES_KEEP;
    }
    if (ready == NODES_UNKNOWN)
        return NODES_KEEP;
    return ready == NODES_NONE && !lease->beaten ? NODES_MARK_NEVER : NODES_MARK_LOST;
}

int64_t nodes_plan_gap(const struct nodes_rules *rules, int64_t period_ns, int64_t last_tick,
                       int64_t now)
{
    int64_t late = now - last_tick - period_ns;
    if (WEAKENED(NODES_GAP))
        return 0;
    return late > rules->interval_ns / 2 ? late : 0;
}

static int64_t shifted(int64_t t, int64_t gap_ns, int64_t now)
{
    return t + gap_ns < now ? t + gap_ns : now;
}

void nodes_plan_shift(struct nodes_lease *lease, int64_t gap_ns, int64_t now)
{
    lease->last_ns = shifted(lease->last_ns, gap_ns, now);
    if (lease->suspect_ns)
        lease->suspect_ns = shifted(lease->suspect_ns, gap_ns, now);
}
