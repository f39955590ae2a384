#pragma once
/* Conditions of pods that others than their node set, and spec.readinessGates, by which such
 * conditions count for Ready (Kubernetes' "Pod readiness"). Pure. */

#include "common/data/value.h"

/* What a pod's node says of it, with the conditions that are not the node's as they were before;
 * the caller's. */
struct value *pod_ready_merge(const struct value *before, const struct value *status);
/* An update of a pod, of its status too: puts Ready right by ContainersReady and the gates. Without
 * gates Ready is the node's word. */
void pod_ready_keep(const struct value *stored, struct value *pod);
