#pragma once
/* Seccomp filters by capability set, each compiled once a process. Inside agent/pod only. */

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct filters;

struct filters *filters_new(void);
void filters_free(struct filters *filters);
/* The filter of a container with these capabilities, as bytes of struct sock_filter; borrowed. NULL
 * with 0 returned: this kernel has no seccomp (told once in the log). Compiling takes some hundred
 * microseconds. */
nodiscard int filters_get(struct filters *filters, uint64_t caps, const void **ret, size_t *ret_len,
                          struct err *err);
