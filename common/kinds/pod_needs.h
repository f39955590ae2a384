#pragma once
/* What a pod needs of its node, by the name of the resource, as Kubernetes reckons it (KEP-753,
 * KEP-688): what its containers and sidecars ask for together, or what an init container asks for
 * beside the sidecars before it where that is more, and what running the pod costs beside
 * (overhead). Exact, cut at the ends of int64 units, in a time that goes with the size of the
 * document. The pod's own resources (spec.resources) are not acted on. Pure.
 *
 * Everywhere: which is "requests" or "limits"; a limit without a request is the request, less than
 * nothing is nothing, and what has not the shape of a checked pod does not count. */

#include "common/schema/amounts.h"

/* Of a PodSpec; with what is nothing, where it is asked for. Each fills *ret, which is empty, for
 * amounts_done. */
void pod_needs(const struct value *spec, const char *which, struct amounts *ret);
/* Without overhead: what a LimitRange looks at. */
void pod_needs_of_containers(const struct value *spec, const char *which, struct amounts *ret);
/* Of a whole pod. While resources change in place, a container or sidecar needs the most of what it
 * asks for, was given and has; without the first if its node can never give it (KEP-1287). */
void pod_needs_now(const struct value *pod, const char *which, struct amounts *ret);

/* One resource of it, as amounts_count; 0: none. */
int64_t pod_needs_amount(const struct value *spec, const char *which, const char *name);
/* What all together are held to; 0: a container, an init container too, has no limit. */
int64_t pod_needs_limit(const struct value *spec, const char *name);
/* One resource of one container, likewise. */
int64_t pod_needs_of_container(const struct value *container, const char *which, const char *name);
