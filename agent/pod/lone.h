#pragma once
/* A pod while no agent runs: what the agent wrote of it, put right by what its keeper says. Pure.
 */

#include "agent/keeper/report.h"
#include "common/data/value.h"

#include <stdbool.h>
#include <stdint.h>

struct lone {
    const struct value *written; /* the agent's Pod object with status and `why`; NULL: none */
    const struct keeper_report *report; /* NULL: no keeper lives, or it is silent */
    bool silent;                        /* its keeper lives, but does not answer */
    int64_t wall_ns, boot_ns;           /* now */
};

/* The Pod object as it is now; the caller's. One of written and report is given. */
struct value *lone_pod(const struct lone *lone);
