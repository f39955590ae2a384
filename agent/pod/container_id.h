#pragma once
/* What a container is called in statuses (core/v1 ContainerStatus.containerID): pure. */

#include <stdint.h>

/* "limpet://" and 32 hexadecimal digits, other ones for each attempt; the same whoever asks. NULL
 * if the pod is not known (uid NULL or "") or the attempt has never begun (0). The caller's. */
char *container_id(const char *pod_uid, const char *name, int64_t started_wall_ns);
