#pragma once
/* Brings the control groups of a pod that runs to the sizes of its plan, as far as they may be. */

#include "agent/keeper/core.h"
#include "agent/keeper/sandbox.h"

/* Writes what can be written now (sizing.h) and notes in the core's report what holds then. Cheap
 * when nothing differs. True if the report has changed. */
bool resize_settle(const struct sandbox *sandbox, struct keeper_core *core);
