#pragma once
/* The claim that a pod's ephemeral volume comes with. Pure. */

#include "common/data/value.h"

#include <stdbool.h>

/* Whether claims are made for the pod: not for one that is over, or on its way out. */
bool ephemeral_wants(const struct value *pod);
/* As its template says, owned by the pod; volume: of the pod. The caller's. */
struct value *ephemeral_claim(const struct value *pod, const struct value *volume);
/* Whether the claim was made for that very pod. */
bool ephemeral_owns(const struct value *claim, const char *pod_uid);
