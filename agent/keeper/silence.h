#pragma once
/* A keeper that was found alive and does not say a word: what keeps it, and whose it is. What
 * blocks a process (a medium that stalls in the middle of a log line, a debugger) lets go of it,
 * and its pod runs meanwhile; one that is awake and says nothing hangs. */

#include "common/base/cleanup.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Of the process: in an uninterruptible wait, stopped, or traced. */
bool silence_is_blocked(pid_t pid);
/* The pod that it keeps, by its arguments; the caller frees. -EINVAL: they are not a keeper's. */
nodiscard int silence_pod(pid_t pid, char **ret_ns, char **ret_name);
/* How long it has been awake, seen time after time: *awake_since is 0 at first, and boot ns
 * afterwards. */
int64_t silence_awake_ns(int64_t *awake_since, bool blocked, int64_t now);
