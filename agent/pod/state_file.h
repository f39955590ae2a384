#pragma once
/* What is to be known of a pod after the agent's death, a file of its state folder each: a JSON
 * map, small, replaced whole. They go with the pod. */

#include "agent/pod/record.h"

/* NULL: there is none, or it is damaged, which is logged. The caller owns it. */
struct value *state_file_read(const struct pod_record *record, const char *name);
/* On disk when it returns. */
nodiscard int state_file_write(const struct pod_record *record, const char *name,
                               const struct value *map, struct err *err);
