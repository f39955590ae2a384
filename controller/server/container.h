#pragma once
/* Which of a pod's containers a request means. Pure. */

#include "common/data/value.h"

/* The one that is wanted, if the pod has it; without a wish (NULL or ""): the only one, or the one
 * that the pod's annotation kubectl.kubernetes.io/default-container names. Borrowed from the pod or
 * from wanted; NULL with *ret the Status to answer. */
const char *container_choose(const struct value *pod, const char *wanted, struct value **ret);
