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
/* One pod by "[namespace/]name" or "pod/name"; the caller frees it. -ENOENT. */
nodiscard int local_pod_find(const struct config *config, const char *text, struct value **ret,
                             struct err *err);
/* The name of the container asked for, or (NULL) of the only one, in pod. -EINVAL with the choices.
 */
nodiscard int local_pod_container(const struct value *pod, const char *asked, const char **ret,
                                  struct err *err);
