#pragma once
/* Seccomp filters, compiled once in the agent; the keeper only loads the bytes. */

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Docker's default profile for a container with Docker's default capabilities, as an array of
 * struct sock_filter. Caller frees. -ENOSYS: this kernel has no seccomp (the container then runs
 * unconfined, said in an event). Takes some milliseconds: once a process. */
nodiscard int seccomp_default(void **ret, size_t *ret_len, struct err *err);
/* The same for a container with these capabilities (caps_parse): what a capability is for is let
 * through (mount with SYS_ADMIN, settimeofday with SYS_TIME...). Once a set: keep the result. */
nodiscard int seccomp_profile(uint64_t caps, void **ret, size_t *ret_len, struct err *err);
