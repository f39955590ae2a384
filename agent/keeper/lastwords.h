#pragma once
/* What a container says of its own end (Kubernetes' termination message): in the file that it found
 * at its message_path, or, when it failed, at the end of its log. */

#include "agent/runtime/launch.h"

/* All containers of a pod together, one of them, and what is taken of a log. */
#define LASTWORDS_POD_MAX ((size_t)12 * 1024)
#define LASTWORDS_MAX ((size_t)4096)
#define LASTWORDS_LOG_MAX ((size_t)2048)
#define LASTWORDS_LOG_LINES 80

/* dir: of the attempt. At most max bytes, the last ones, without NULs; the caller frees. NULL: it
 * has said nothing. */
char *lastwords_read(const struct launch_container *container, const char *dir, bool failed,
                     size_t max);
/* The pure half: what the end of a log (the CRI's lines, the first maybe not whole) says, within
 * the limits above. */
char *lastwords_of_log(const char *log, size_t len, size_t max);
