#pragma once
/* The profile of AppArmor that a program runs under. */

#include "common/base/err.h"

/* From the next exec of this process on, under that profile, which the kernel has loaded. proc: as
 * exec_attr.h says. -EPERM, -ENOENT, -EINVAL with the profile named. */
nodiscard int apparmor_on_exec(const char *proc, const char *profile, struct err *err);
