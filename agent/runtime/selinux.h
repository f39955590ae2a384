#pragma once
/* Labels of SELinux, "user:role:type:level", on a kernel that has a policy loaded: of the program
 * that is about to run, of mounts, of files. Which label that is, the agent decides. */

#include "common/base/err.h"

#include <stdbool.h>

/* From the next exec of this process on, under that label. proc: as exec_attr.h says. -EPERM,
 * -ENOENT, -EINVAL with the label named; whether the policy lets the process change to it, the exec
 * tells. */
nodiscard int selinux_on_exec(const char *proc, const char *label, struct err *err);
/* Data of mount(2) with which all files of a new file system have that label: data (may be NULL)
 * and the option; label NULL: data alone. Caller frees. */
char *selinux_mount_data(const char *data, const char *label);
/* Labels what fd stands for, O_PATH or a link too; label NULL: nothing is done, nor where its file
 * system has one label for all, or none. A negative errno. */
nodiscard int selinux_label(int fd, const char *label);
/* Whether it has that label. */
bool selinux_has_label(int fd, const char *label);
