#pragma once
/* What a child of limpet-fetch gives up before it reads the first byte from outside. Each is called
 * once, in a process that was just forked; there is no way back. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The downloader (net true), or the reader of an archive: another user, no capability, nothing that
 * can be written by name (Landlock, where the kernel has it), no other program, no raw sockets; it
 * has the descriptors it was given. */
nodiscard int confine_source(bool net, struct err *err);
/* The unpacker: no network, root_fd (closed here) is its root, and only the capabilities that
 * owners, modes and file capabilities need. */
nodiscard int confine_unpacker(int root_fd, struct err *err);
/* Closes every descriptor from 3 on but these. */
void confine_fds(const int *keep, size_t count);
