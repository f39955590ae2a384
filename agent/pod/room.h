#pragma once
/* Whether a pod has room on its node, beside those that are there: what a kubelet asks before it
 * admits one. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>
#include <stddef.h>

struct room {
    const struct value *allocatable;  /* of the Node; NULL: not known, everything fits */
    const struct value *const *specs; /* of the pods that have theirs */
    size_t count;
};

/* False with reason ("OutOfmemory") and message in Kubernetes' words if it lacks some; both are
 * appended to. */
bool room_fits(const struct room *room, const struct value *spec, struct buf *ret_reason,
               struct buf *ret_message);
