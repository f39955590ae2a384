#pragma once
/* What a pod is called on the network (Kubernetes: "DNS for Services and Pods", hostname and
 * subdomain): pure. */

#include "agent/pod/spec.h"
#include "common/base/err.h"

/* spec.hostname, else the pod's name, cut to a label's 63 bytes. Caller frees. */
char *hostname_short(const struct pod_spec *spec);
/* What follows it in the full name: "sub.default.svc.cluster.local"; NULL without spec.subdomain.
 * Caller frees. */
char *hostname_domain(const struct pod_spec *spec);
/* What the pod's containers are told by gethostname(2): the short name, or the full one where
 * setHostnameAsFQDN asks for it; `node` (the machine's own name) with hostNetwork. Caller frees
 * *ret. -ENAMETOOLONG: the kernel takes 64 bytes. */
nodiscard int hostname_kernel(const struct pod_spec *spec, const char *node, char **ret,
                              struct err *err);
