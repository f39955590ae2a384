#pragma once
/* What a security module of the kernel is to do with this process at its next exec: a file of the
 * process in /proc (proc(5), /proc/pid/attr). */

#include "common/base/err.h"

/* Writes text into attr/exec of this thread; own: the module's folder in attr, which is taken where
 * the kernel has it (several modules may be loaded), NULL: none. proc: where the process finds its
 * own /proc, in a root that is not to be trusted: what is mounted over it, or over the file in it,
 * is refused (CVE-2019-16884, CVE-2019-19921; before Linux 5.6 only what is no proc). A negative
 * errno: -EPERM, -ENOENT, -EINVAL and whatever the module says. */
nodiscard int exec_attr_write(const char *proc, const char *own, const char *text);
