#pragma once
/* The claims that a pod's volumes are of. Pure. */

#include "common/data/value.h"

#include <stdbool.h>

/* claim: its name, in the pod's namespace; volume: of the pod; own: the claim is made for that
 * volume (`ephemeral`), and called so: "<pod>-<volume>". */
typedef void pod_claims_fn(void *ctx, const char *claim, const struct value *volume, bool own);
/* In the order of the volumes, as often as they are named. Wrong shapes count as absent. */
void pod_claims_each(const struct value *pod, pod_claims_fn *fn, void *ctx);
