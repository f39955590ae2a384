#pragma once
/* How many pods there are in each phase, counted as they change: nothing is kept of a pod, and
 * nothing of it is decoded but its phase. */

#include "controller/monitor/metrics.h"
#include "controller/store/store.h"

struct census;
/* The store is borrowed. */
nodiscard int census_new(struct store *store, struct census **ret, struct err *err);
void census_free(struct census *census); /* NULL is fine. Before the store is closed */
/* limpet_pods */
void census_register(struct census *census, struct metrics *metrics);
