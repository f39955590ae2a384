#pragma once
/* A pod's run folder from outside: whether a keeper lives in it, and its socket. */

#include "common/base/err.h"

#include <sys/types.h>

/* The process that holds the lock on keeper.pid, which is open at fd: the keeper; 0: nobody. */
pid_t rundir_lock_holder(int fd);
/* A connection to keeper.sock, non-blocking; the caller closes. A negative errno, of which -ENOENT,
 * -ECONNREFUSED and -EAGAIN (its queue is full) may pass. */
nodiscard int rundir_connect(const char *run_dir);
