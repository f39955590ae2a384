#pragma once
/* Seccomp filters: the runtime's own by capability set, each compiled once a process, and those of
 * profiles of the node. Inside agent/pod only. */

#include "common/base/err.h"
#include "common/fs/disk.h"

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
/* That of the node's profile `name` below `dir`, read anew each time: caller frees. NULL with 0
 * returned as above. -ENOENT, -EFBIG, -EINVAL, with the file named. */
nodiscard int filters_localhost(struct filters *filters, struct disk *disk, const char *dir,
                                const char *name, uint64_t caps, void **ret, size_t *ret_len,
                                struct err *err);
