#pragma once
/* Makes the claims of pods' ephemeral volumes (`ephemeral.volumeClaimTemplate`): one a volume,
 * owned by its pod, with which garbage collection takes it away. */

#include "common/loop/loop.h"
#include "controller/api/api.h"
#include "controller/reconcile/recorder.h"

struct ephemeral;

/* Everything is borrowed; recorder NULL: no events. */
nodiscard int ephemeral_new(struct loop *loop, struct api *api, struct recorder *recorder,
                            struct ephemeral **ret, struct err *err);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void ephemeral_free(struct ephemeral *ephemeral);
