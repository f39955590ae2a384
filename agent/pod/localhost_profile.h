#pragma once
/* Seccomp profiles of the node (seccompProfile Localhost), as Docker and the OCI runtime
 * specification (config-linux.md, Seccomp) write them: JSON with defaultAction, architectures or
 * archMap, and syscalls. Read strictly: what is not known is refused, since a rule that is passed
 * over may be the one that matters. */

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define LOCALHOST_PROFILE_MAX ((size_t)1024 * 1024) /* bytes of a file */
#define LOCALHOST_PROFILE_NAMES 8192                /* calls named in all rules together */
/* Arguments compared, for each call that a rule names: libseccomp takes minutes for what the kernel
 * then refuses as too long. */
#define LOCALHOST_PROFILE_COMPARISONS 256

/* The filter of a container with these capabilities, as bytes of struct sock_filter; caller frees.
 * -EINVAL, -E2BIG with what is wrong and where; -ENOSYS: this kernel has no seccomp. Takes some
 * milliseconds. Asks the kernel for its version alone. */
nodiscard int localhost_profile_compile(const char *text, size_t len, uint64_t caps, void **ret,
                                        size_t *ret_len, struct err *err);
