#pragma once
/* Kernel settings that any pod may have: each is of the pod's own namespace and harms nobody beside
 * it (docs "Using sysctls in a Kubernetes Cluster", "Safe and Unsafe Sysctls"). Pure. */

#include <stdbool.h>

#define SAFE_SYSCTL_LATEST 255

/* minor: as of which version of Kubernetes, 1.<minor>. */
bool safe_sysctl(const char *name, int minor);
