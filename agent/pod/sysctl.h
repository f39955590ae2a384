#pragma once
/* Which kernel settings (securityContext.sysctls) a pod may have on this node: what a kubelet asks
 * before it admits one (docs "Using sysctls in a Kubernetes Cluster"). Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>

/* A name as the kernel's folders have it ("net/core/somaxconn") with dots; one with dots as it is.
 * Caller frees. */
char *sysctl_name(const char *written);
/* False with a kubelet's message appended if one is not: those that Kubernetes knows to be safe,
 * and those of `unsafe` (NULL-terminated; a trailing * for any that begins so; may be NULL), but
 * none of a namespace that the pod shares with its node. */
bool sysctls_allowed(const struct value *pod_spec, const char *const *unsafe,
                     struct buf *ret_message);
