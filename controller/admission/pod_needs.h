#pragma once
/* What a pod asks for in all, as Kubernetes reckons: its containers and sidecars together, or more
 * where an init container needs that; with what running it costs beside (overhead). Pure. */

#include "controller/admission/amounts.h"

/* which: "requests" or "limits". Adds to *ret, which is empty. */
void pod_needs(const struct value *spec, const char *which, struct amounts *ret);
