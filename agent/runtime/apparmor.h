#pragma once
/* The profile of AppArmor that a program runs under. */

#include "common/base/err.h"

/* From the next exec of this process on, under that profile, which the kernel has loaded. proc:
 * where the process finds its own /proc, in a root that is not to be trusted: what is mounted over
 * it, or over the file in it, is refused (CVE-2019-16884, CVE-2019-19921; before Linux 5.6 only
 * what is no proc). -EPERM, -ENOENT, -EINVAL with the profile named. */
nodiscard int apparmor_on_exec(const char *proc, const char *profile, struct err *err);
