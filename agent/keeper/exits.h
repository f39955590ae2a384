#pragma once
/* The exit records of a pod (keeper_exits_read in keepers.h), written by the keeper. */

#include "agent/keeper/report.h"
#include "common/base/err.h"

/* On disk when it returns 0; blocks for as long as the medium takes. */
nodiscard int keeper_exits_write(const char *state_dir, const struct keeper_report *report,
                                 struct err *err);
