#pragma once
/* Removes pods that are bound to a Node that is no more. Nobody else will: their node cannot report
 * them gone. */

#include "common/loop/loop.h"
#include "controller/api/api.h"

#define PODGC_WAIT_NS (40 * NS_PER_S) /* as Kubernetes: the Node may come back */

struct podgc;

/* wait_ns: how long a Node must have been missing; 0: PODGC_WAIT_NS. */
nodiscard int podgc_new(struct loop *loop, struct api *api, int64_t wait_ns, struct podgc **ret,
                        struct err *err);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void podgc_free(struct podgc *podgc);
