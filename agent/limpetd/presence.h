#pragma once
/* Whether an agent runs on a run folder: it holds a lock there for as long as it lives. */

#include "common/base/err.h"

#include <stdbool.h>

/* Takes the place: a descriptor, to be held open. -EBUSY: another agent has it. */
nodiscard int presence_take(const char *run_dir, struct err *err);
/* Somebody has taken it; also where that cannot be seen. Disturbs nobody. */
bool presence_is_taken(const char *run_dir);
