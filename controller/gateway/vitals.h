#pragma once
/* How the process and its parts are: what the gateway's metrics and health checks ask of the
 * system, the store, the broker and the bus. Nothing here blocks. */

#include "common/bus/bus.h"
#include "controller/broker/broker.h"
#include "controller/reconcile/nodes.h"
#include "controller/monitor/health.h"
#include "controller/monitor/metrics.h"
#include "controller/store/store.h"

/* All borrowed. */
struct vitals {
    const char *state_dir;
    struct store *store;
    const struct nodes *nodes;
    const struct broker *broker;
    const struct bus *bus;
};

extern const struct health_check vitals_checks[]; /* ctx: a struct vitals */
extern const size_t vitals_check_count;
void vitals_register(struct vitals *vitals, struct metrics *metrics);
