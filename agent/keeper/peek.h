#pragma once
/* What a pod's keeper knows, read beside the agent or without one: nothing is asked of the keeper
 * and nothing changes for it. It says no hello, by which the keeper knows it from an agent. */

#include "agent/keeper/report.h"

/* Blocks for at most timeout_ns. -ENOENT: no keeper lives in that run folder. -ETIMEDOUT: one does,
 * and does not answer. */
nodiscard int keeper_peek(const char *run_dir, int64_t timeout_ns, struct keeper_report **ret,
                          struct err *err);
