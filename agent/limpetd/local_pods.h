#pragma once
/* The pods of this node for verbs that work with everything else dead. */

#include "agent/limpetd/config.h"
#include "common/data/value.h"

typedef int local_pod_fn(void *ctx, const struct value *pod); /* non-zero stops */

/* Each pod as a Pod object with status and `why`. While an agent runs, what it keeps written on
 * tmpfs; else that, put right by what the pods' keepers say, and a line on standard error. Returns
 * what fn stopped it with, or a negative errno. */
nodiscard int local_pods_each(const struct config *config, local_pod_fn *fn, void *ctx,
                              struct err *err);
