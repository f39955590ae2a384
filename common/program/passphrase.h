#pragma once
/* A passphrase from a person or a file, never from a command line. */

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define PASSPHRASE_MAX 1024

/* From the first line of `file`; NULL: asked for at the terminal, without echo, twice if `again`.
 * ret (initialised, empty) is filled; wiped by passphrase_wipe. -EINVAL (shorter than `least`, too
 * long, the two differ), -ENOTTY (there is no terminal), and what reading gives. */
nodiscard int passphrase_get(const char *file, const char *prompt, bool again, size_t least,
                             struct buf *ret, struct err *err);
void passphrase_wipe(struct buf *passphrase);
