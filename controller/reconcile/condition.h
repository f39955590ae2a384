#pragma once
/* status.conditions of any object, as Kubernetes keeps them: one a type, with the time of the last
 * change of its status. Pure. */

#include "common/data/value.h"

struct condition {
    const char *type, *status, *reason, *message; /* reason and message may be NULL */
};

/* Sets it in object; false, and nothing is changed, if it says so already (times do not count).
 * With heartbeat its name is given the time as well ("lastHeartbeatTime" of nodes); NULL: none. */
bool condition_set(struct value *object, const struct condition *condition, const char *heartbeat,
                   int64_t now_wall_ns);
/* Its "status"; NULL if there is no condition of that type. Borrowed. */
const char *condition_status(const struct value *object, const char *type);
const char *condition_reason(const struct value *object, const char *type);
