#pragma once
/* The launch plan of a pod that may grow: the one that its keeper was started with, and what was
 * added to it. */

#include "agent/keeper/sizing.h"
#include "agent/runtime/launch.h"
#include "common/base/list.h"

struct plans {
    struct launch_plan whole; /* its containers may move when some are added, never their number */
    struct launch_container *containers; /* NULL: nothing was added */
    struct list added;
};

/* Reads the plan in a sealed memory file, which stays mapped; the bytes are released with munmap.
 */
nodiscard int plans_map(int fd, const void **ret, size_t *ret_len, struct err *err);
/* first is borrowed. */
void plans_init(struct plans *plans, const struct launch_plan *first);
void plans_done(struct plans *plans);
/* Appends the DEBUG containers of the plan in that file whose names are new, up to
 * LAUNCH_MAX_CONTAINERS in all. Returns how many, or an error. */
nodiscard int plans_add(struct plans *plans, int fd, struct err *err);
/* Takes the sizes over. ret_renew, by container: what of its own has changed wants a new start. */
void plans_resize(struct plans *plans, const struct sizing *sizing,
                  bool ret_renew[static LAUNCH_MAX_CONTAINERS]);
