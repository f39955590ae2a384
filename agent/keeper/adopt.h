#pragma once

#include "agent/keeper/entry.h"

/* Takes the run folder's lock (-EBUSY: another agent has it), adopts the keepers that live and
 * sweeps what belongs to none, for a bounded time; the rest goes on from the loop. */
nodiscard int adopt_all(struct impl *impl, struct err *err);
