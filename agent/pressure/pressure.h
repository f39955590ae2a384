#pragma once
/* When a node runs out of something: thresholds, and the conditions that follow from them
 * (Kubernetes' "Node-pressure Eviction": hard thresholds). Pure. */

#include "agent/pressure/sample.h"
#include "common/base/err.h"
#include "common/data/value.h"

#include <stdbool.h>
#include <stddef.h>

/* A condition is taken back after so long without its cause, so that it does not flap. */
#define PRESSURE_TRANSITION_S 300

#define PRESSURE_DEFAULT                                                                           \
    "memory.available<5%,nodefs.available<10%,nodefs.inodesFree<5%,pid.available<5%"

/* Below which amount a signal is crossed; neither: never. */
struct pressure_limit {
    int64_t amount;
    int per_mille; /* of the capacity */
};
struct pressure_limits {
    struct pressure_limit of[SIGNAL_COUNT];
};

/* "memory.available<100Mi,nodefs.available<10%", as a kubelet's --eviction-hard has it; "" for none
 * at all. -EINVAL with what is wrong. */
nodiscard int pressure_limits_parse(const char *text, struct pressure_limits *ret, struct err *err);

/* The conditions of the Node. */
enum pressure { PRESSURE_MEMORY, PRESSURE_DISK, PRESSURE_PID, PRESSURE_COUNT };

struct pressures {
    bool on[PRESSURE_COUNT];
    int64_t seen[PRESSURE_COUNT]; /* boot ns: the cause, for the last time */
};

bool pressure_crossed(const struct pressure_limits *limits, const struct pressure_sample *sample,
                      enum pressure_signal signal);
/* Takes a sample into account. True: a condition changed. */
bool pressures_update(struct pressures *pressures, const struct pressure_limits *limits,
                      const struct pressure_sample *sample, int64_t now);
/* For status.conditions of a Node: type, status, reason, message. A list; the caller's. */
struct value *pressures_conditions(const struct pressures *pressures);

/* The condition that follows from a signal, and what it is called in messages. */
enum pressure pressure_of(enum pressure_signal signal);
const char *pressure_name(enum pressure pressure);          /* "MemoryPressure" */
const char *pressure_resource(enum pressure_signal signal); /* "memory", "ephemeral-storage"... */
/* The threshold as a quantity: an amount, or that share of the capacity. */
int64_t pressure_threshold(const struct pressure_limit *limit,
                           const struct pressure_amount *amount);
