#pragma once
/* Gives pods without a node one: watches pods and nodes, picks (controller/sched), binds. A pod
 * that fits nowhere says why in its condition PodScheduled, and is tried again when nodes or pods
 * change. */

#include "common/base/rng.h"
#include "common/loop/loop.h"
#include "controller/reconcile/recorder.h"
#include "controller/api/api.h"

struct schedule;

/* rng: chooses among equal nodes; NULL: the first by name. recorder NULL: no events. Everything is
 * borrowed. */
nodiscard int schedule_new(struct loop *loop, struct api *api, struct rng *rng,
                           struct recorder *recorder, struct schedule **ret, struct err *err);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void schedule_free(struct schedule *schedule);
