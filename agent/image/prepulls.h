#pragma once
/* Images that somebody wants on this node before any pod does: pulled one after the other, so that
 * the pods' own pulls never wait behind more than one of them, with the node's own passwords alone.
 * What was ordered goes on whoever watches, until it is here or cannot be had: a registry that is
 * not reached, or breaks off, is tried again for an hour, and longer while anything comes. An agent
 * that ends forgets it, and what has come is resumed when it is ordered again. */

#include "agent/image/images.h"
#include "common/base/rng.h"
#include "common/data/value.h"
#include "common/loop/loop.h"

#define PREPULLS_MAX 64     /* known at once, those that have ended included */
#define PREPULLS_AT_ONCE 16 /* of one order */

struct prepulls;
/* All are borrowed, and end after this. */
struct prepulls *prepulls_new(struct loop *loop, struct images *images, struct rng *rng);
void prepulls_free(struct prepulls *prepulls);

/* From now on nothing is pulled ahead, for that reason; NULL: it is again. What was waiting or
 * under way has failed with it. */
void prepulls_hold(struct prepulls *prepulls, const char *why);
/* All of references (a list of strings) or none. What is under way is joined (and tried at once, if
 * it waits for that), what has ended begins anew: the registry is asked again. -EINVAL: one is not
 * a reference, or they are none or too many; -EBUSY: so many are waiting already; -ENOSPC:
 * nothing is pulled ahead now. */
nodiscard int prepulls_order(struct prepulls *prepulls, const struct value *references,
                             struct err *err);
/* How it goes with them: {"images": [{"image", "state", "done", "total", "message"}]}, image in
 * full; state "Unknown" (never ordered, or long ago), "Waiting" (with a message: why it is to be
 * tried again), "Pulling" (done of total bytes, 0 of 0 before it is known), "Pulled", "Failed" with
 * the message. Caller frees; -EINVAL as above. */
nodiscard int prepulls_tell(const struct prepulls *prepulls, const struct value *references,
                            struct value **ret, struct err *err);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct prepulls, prepulls_free);
