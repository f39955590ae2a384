#pragma once
/* What a pod and each of its containers may have of the node, by their resources: limits and shares
 * of control groups, and who goes first when memory is short (what a kubelet sets). Pure. */

#include "agent/runtime/launch.h"
#include "common/data/value.h"

/* One container's; spec: of its pod. node_memory: bytes of the machine; 0: not known. */
void limits_of_container(const struct value *spec, const struct value *container,
                         int64_t node_memory, struct launch_container *ret);
/* Its huge pages, of the sizes that the node has for pods: none of those that it does not ask for,
 * as a kubelet bounds it. container: NULL: the whole pod's. */
void limits_of_huge_pages(const struct value *allocatable, const struct value *spec,
                          const struct value *container, int *ret_bounded, int64_t ret[HUGE_SIZES]);
/* The whole pod's. A container without a limit leaves the pod without one. */
void limits_of_pod(const struct value *spec, struct launch_plan *ret);
