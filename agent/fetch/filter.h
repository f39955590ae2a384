#pragma once
/* The kernel's two filters on oneself: system calls (seccomp) and files (Landlock). A kernel
 * without them is told apart from a failure and passed over. */

#include "common/base/err.h"

#include <stdbool.h>

/* Refuses (EPERM) what neither a download nor an unpacking ever needs; without net, sockets too. */
nodiscard int filter_calls(bool net, struct err *err);
/* From here on nothing is opened for writing, and only what a resolver and a TLS library read. */
nodiscard int filter_files(struct err *err);
