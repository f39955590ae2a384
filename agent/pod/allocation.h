#pragma once
/* The cpu and memory that a node has given to a pod's containers: name -> their part of
 * `resources`, containers without one left out. All else of a spec stays as it is while the pod
 * runs. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>

/* As the spec asks. The caller owns it. */
struct value *allocation_of(const struct value *spec);
/* As the last status told; NULL: it told of none. The caller owns it. */
struct value *allocation_told(const struct value *status);
/* The spec asks for this and nothing else of cpu and memory. */
void allocation_put(struct value *spec, const struct value *allocation);
/* The second asks for more of one of them, for all the pod. */
bool allocation_grows(const struct value *spec, const struct value *wanted);
/* Whether a node with this allocatable (may be NULL) could ever hold it; else *ret_message says why
 * not, in a kubelet's words. */
bool allocation_feasible(const struct value *spec, const struct value *allocatable,
                         struct buf *ret_message);
