#pragma once
/* What a container's process may do, taken away for good just before its program starts. Raw system
 * calls: no libcap and no libseccomp in a keeper. */

#include "agent/runtime/launch.h"
#include "agent/runtime/user.h"
#include "common/base/err.h"

/* Ids, supplementary groups (the image's and the plan's), bounding set, permitted and effective set
 * (inheritable and ambient are empty: CVE-2022-27650), no_new_privs, the seccomp filter. Nothing
 * but exec follows. */
nodiscard int privs_drop(const struct launch_container *container, const struct user *user,
                         struct err *err);
