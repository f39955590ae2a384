#pragma once
/* The labels of SELinux that a pod gets on this node: selinux_ask.h, with what the node has.
 * Nothing where the kernel has no SELinux or no policy. */

#include "agent/pod/selinux_ask.h"
#include "common/base/err.h"
#include "common/fs/disk.h"

/* Those of a container, or with container NULL those of what the pod's containers share: process
 * and files NULL: none, as where the policy does not know the label of containers, or does not let
 * this process start any, and nobody asked for one. What is shared has its label if any container
 * asks for one. -EINVAL: so it is with what was asked for.
 * Reads some small files. */
nodiscard int selinux_labels(struct disk *disk, const struct value *pod, const char *pod_uid,
                             const struct value *container, struct selinux_labels *ret,
                             struct err *err);
/* That of the files that the pod's containers share; NULL: none. Caller frees. */
char *selinux_shared(struct disk *disk, const struct value *pod, const char *pod_uid);
/* Whether this node has SELinux. */
bool selinux_is_on(struct disk *disk);
