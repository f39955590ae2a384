#pragma once
/* Why a container does not run, in words: pure. */

#include "agent/keeper/report.h"
#include "common/base/buf.h"

#include <stdint.h>

/* One line for a container that does not run; nothing for one that does. now: boot ns. */
void why_container(const struct keeper_container *container, int64_t now, struct buf *ret);
