#pragma once
/* What a container is told of limits and requests (core/v1 ResourceFieldSelector): pure. */

#include "common/base/err.h"
#include "common/data/value.h"

/* The value of env's valueFrom.resourceFieldRef as text: whole divisors, rounded up. container is
 * where it stands; the selector may name another one of the pod. A limit that is not set is what
 * the node has for pods (`allocatable`: the Node's list; may be NULL), a request that is not set is
 * 0. Caller frees *ret. -ENOENT: no such container. */
nodiscard int resource_field_text(const struct value *pod, const struct value *container,
                                  const struct value *selector, const struct value *allocatable,
                                  char **ret, struct err *err);
