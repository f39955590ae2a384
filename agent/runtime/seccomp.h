#pragma once
/* Seccomp filters, compiled once in the agent; the keeper only loads the bytes. */

#include "common/base/err.h"

#include <stddef.h>

/* Docker's default profile for a container with these capabilities, as an array of struct sock_filter.
 * Caller frees. -ENOSYS: this kernel has no seccomp (the container then runs unconfined, said in an event). */
nodiscard int seccomp_default(void **ret, size_t *ret_len, struct err *err);
