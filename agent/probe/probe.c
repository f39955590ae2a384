#include "agent/probe/probe.h"

#include "common/base/clock.h"
#include "common/base/weaken.h"

static const struct {
    const char *field, *word;
    enum probe_result first;
} kinds[PROBE_KINDS] = {
    [PROBE_STARTUP] = {"startupProbe", "Startup", PROBE_UNKNOWN},
    [PROBE_READINESS] = {"readinessProbe", "Readiness", PROBE_BAD},
    [PROBE_LIVENESS] = {"livenessProbe", "Liveness", PROBE_GOOD},
};

const char *probe_field(enum probe_kind kind)
{
    return kinds[kind].field;
}

const char *probe_word(enum probe_kind kind)
{
    return kinds[kind].word;
}

static int64_t number(const struct value *probe, const char *field, int64_t def)
{
    int64_t n = value_get_int(probe, field, 0);
    return n > INT32_MAX ? INT32_MAX : n > 0 ? n : def;
}

struct probe_rules probe_rules_of(const struct value *probe)
{
    return (struct probe_rules){
        .delay_ns = number(probe, "initialDelaySeconds", 0) * NS_PER_S,
        .period_ns = number(probe, "periodSeconds", 10) * NS_PER_S,
        .timeout_ns = number(probe, "timeoutSeconds", 1) * NS_PER_S,
        .successes = (uint32_t)number(probe, "successThreshold", 1),
        .failures = (uint32_t)number(probe, "failureThreshold", 3),
        .grace_s = number(probe, "terminationGracePeriodSeconds", -1),
    };
}

void probe_begin(struct probe *probe, enum probe_kind kind, const struct probe_rules *rules,
                 int64_t started_ns, int64_t now, int64_t jitter_ns)
{
    int64_t due = started_ns + rules->delay_ns;
    *probe = (struct probe){.kind = kind, .rules = *rules, .result = kinds[kind].first};
    probe->due = due <= now ? now + jitter_ns : due;
}

void probe_try(struct probe *probe, int64_t now)
{
    probe->trying = true;
    probe->due = now + probe->rules.period_ns;
}

static void judge(struct probe *probe, bool good)
{
    probe->result = good ? PROBE_GOOD : PROBE_BAD;
    if (probe->kind == PROBE_STARTUP || (probe->kind == PROBE_LIVENESS && !good))
        probe->due = INT64_MAX;
}

void probe_recall(struct probe *probe)
{
    judge(probe, true);
}

bool probe_took(struct probe *probe, enum probe_outcome outcome)
{
    enum probe_result before = probe->result;
    bool good = outcome != PROBE_FAILURE;
    probe->trying = false;
    if (outcome == PROBE_ERROR)
        return false;
    probe->run = probe->run > 0 && probe->run_good == good ? probe->run + 1 : 1;
    probe->run_good = good;
    uint32_t threshold = good ? probe->rules.successes : probe->rules.failures;
    if (probe->run >= threshold || WEAKENED(PROBE_THRESHOLD))
        judge(probe, good);
    return probe->result != before;
}

void probe_broken_off(struct probe *probe, int64_t now)
{
    if (!probe->trying)
        return;
    probe->trying = false;
    probe->due = now;
}

void probe_shift(struct probe *probe, int64_t ns)
{
    if (probe->due != INT64_MAX)
        probe->due += ns;
}

int64_t probe_next(const struct probe *probe)
{
    return probe->trying ? INT64_MAX : probe->due;
}
