#pragma once
/* A pod's state in a word, as kubectl's column STATUS has it: "Running", "Completed",
 * "CrashLoopBackOff", "Init:1/3", "Terminating". Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

/* Its init containers are not through. */
bool pod_is_initializing(const struct value *pod);
void pod_summary(const struct value *pod, struct buf *ret);
