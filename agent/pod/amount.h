#pragma once
/* How much of a resource a container and a pod ask for. Pure. */

#include "common/data/value.h"

#include <stdbool.h>
#include <stdint.h>

/* which: "requests" or "limits". name: "cpu" (in thousandths of one), "memory" (bytes) or any
 * other, in its units. 0: it does not say. No more than the sums made of it hold. */
int64_t amount_of(const struct value *container, const char *which, const char *name);
/* As Kubernetes reckons: containers and sidecars together, or more where an init container needs
 * it, and what running the pod costs beside (KEP-753, KEP-688). *ret_all (may be NULL): each of its
 * containers says how much. */
int64_t amount_of_pod(const struct value *spec, const char *which, const char *name, bool *ret_all);
