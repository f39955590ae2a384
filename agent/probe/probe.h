#pragma once
/* When one probe of a container is tried and what comes of it: pure, in boot ns. As Kubernetes'
 * prober does ("Configure Liveness, Readiness and Startup Probes"): readiness is bad and liveness
 * good until a probe says otherwise, a result changes only after as many like outcomes in a row as
 * its threshold says, and a probe that has judged the container for good is at rest until it starts
 * anew. Which of a container's probes are asked at all is the caller's: the startup probe first,
 * the others once it has passed. */

#include "common/data/value.h"

#include <stdbool.h>
#include <stdint.h>

enum probe_kind { PROBE_STARTUP, PROBE_READINESS, PROBE_LIVENESS };
#define PROBE_KINDS 3

/* Of one attempt. */
enum probe_outcome {
    PROBE_SUCCESS,
    PROBE_WARNING, /* it counts as a success */
    PROBE_FAILURE,
    PROBE_ERROR, /* it could not be tried: it does not count */
};

enum probe_result { PROBE_UNKNOWN, PROBE_GOOD, PROBE_BAD };

struct probe_rules {
    int64_t delay_ns, period_ns, timeout_ns;
    uint32_t successes, failures; /* thresholds, at least 1 */
    int64_t grace_s;              /* of the kill that it leads to; -1: the pod's */
};

struct probe {
    enum probe_kind kind;
    struct probe_rules rules;
    enum probe_result result;
    uint32_t run; /* outcomes of one kind in a row */
    bool run_good;
    bool trying;
    int64_t due; /* of the next attempt; INT64_MAX: at rest */
};

/* The field of a container, "readinessProbe"; the word of people, "Readiness". */
const char *probe_field(enum probe_kind kind);
const char *probe_word(enum probe_kind kind);

/* Of a Probe object that was checked and defaulted. Absent or zero fields get their defaults. */
struct probe_rules probe_rules_of(const struct value *probe);

/* The container started at started_ns (it may have been seen later). jitter_ns: added to an attempt
 * that would be due at once, so that a restarted agent does not ask all at the same moment. */
void probe_begin(struct probe *probe, enum probe_kind kind, const struct probe_rules *rules,
                 int64_t started_ns, int64_t now, int64_t jitter_ns);
/* It had passed before this agent was started: what it says counts from there, and a startup probe
 * is at rest. */
void probe_recall(struct probe *probe);
/* An attempt begins: the next is due a period later. */
void probe_try(struct probe *probe, int64_t now);
/* It has ended. True if the result is another than before. */
bool probe_took(struct probe *probe, enum probe_outcome outcome);
/* It was broken off and does not count: due again at once. */
void probe_broken_off(struct probe *probe, int64_t now);
/* Time stood still for the container. */
void probe_shift(struct probe *probe, int64_t ns);
/* When the next attempt is due: INT64_MAX while one is under way, and at rest. */
int64_t probe_next(const struct probe *probe);
