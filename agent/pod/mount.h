#pragma once
/* One volumeMount of a container, for the launch plan (core/v1 VolumeMount): pure. */

#include "agent/pod/env.h"
#include "agent/runtime/launch.h"
#include "agent/volume/volume.h"

/* What the keeper is to mount. subPathExpr is expanded from env; what is made on the way is kept in
 * texts, everything else borrowed from item and volume. -EINVAL, in a kubelet's words: a path out
 * of the volume, an unknown variable, what only privileged containers may. */
nodiscard int mount_compile(const struct value *item, const struct volume *volume,
                            const struct strings *env, bool privileged, struct strings *texts,
                            struct launch_mount *ret, struct err *err);
/* How a container's mounts are told in its status (containerStatuses[].volumeMounts); NULL if it
 * has none. Caller frees. */
struct value *mount_status(const struct value *container);
