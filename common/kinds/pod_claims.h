#pragma once
/* The claims that a pod's volumes are of. Pure. */

#include "common/data/value.h"

#include <stdbool.h>

/* The name of the claim that is made for a volume (`ephemeral`): "<pod>-<volume>". The caller's. */
char *pod_claims_own(const struct value *pod, const char *volume);

/* claim: its name, in the pod's namespace; volume: of the pod; own: the claim is made for it. */
typedef void pod_claims_fn(void *ctx, const char *claim, const struct value *volume, bool own);
/* In the order of the volumes, as often as they are named. Wrong shapes count as absent. */
void pod_claims_each(const struct value *pod, pod_claims_fn *fn, void *ctx);
