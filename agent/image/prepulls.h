#pragma once
/* Images that somebody wants on this node before any pod does: pulled one after the other, so that
 * the pods' own pulls never wait behind more than one of them, with the node's own passwords alone.
 * What was ordered goes on whoever watches, until it is here or cannot be had; an agent that ends
 * forgets it, and what has come is resumed when it is ordered again. */

#include "agent/image/images.h"
#include "common/data/value.h"

#define PREPULLS_MAX 64     /* known at once, those that have ended included */
#define PREPULLS_AT_ONCE 16 /* of one order */

struct prepulls;
struct prepulls *prepulls_new(struct images *images); /* borrowed: it ends after this */
void prepulls_free(struct prepulls *prepulls);

/* From now on nothing is pulled ahead, for that reason; NULL: it is again. What was waiting or
 * under way has failed with it. */
void prepulls_hold(struct prepulls *prepulls, const char *why);
/* All of references (a list of strings) or none. What is under way is joined, what has ended
 * begins anew: the registry is asked again. -EINVAL: one is not a reference, or they are none or
 * too many; -EBUSY: so many are waiting already, or nothing is pulled ahead now. */
nodiscard int prepulls_order(struct prepulls *prepulls, const struct value *references,
                             struct err *err);
/* How it goes with them: {"images": [{"image", "state", "done", "total", "message"}]}, image in
 * full; state "Unknown" (never ordered, or long ago), "Waiting", "Pulling" (done of total bytes, 0
 * of 0 before it is known), "Pulled", "Failed" with the message. Caller frees; -EINVAL as above. */
nodiscard int prepulls_tell(const struct prepulls *prepulls, const struct value *references,
                            struct value **ret, struct err *err);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct prepulls, prepulls_free);
