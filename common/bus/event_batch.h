#pragma once
/* What happened on a node since it was last heard (`up/events`): JSON
 * {"v":1,"boot","dropped":n,"events":[{"namespace","name","uid","type","reason","message","age"}]}.
 * dropped: so many older ones fell out of the node's ring. namespace "" is the node itself. age:
 * milliseconds since it happened, by a clock that nobody sets. Pure. */

#include "common/base/err.h"
#include "common/data/value.h"

#define EVENT_BATCH_MAX (1024 * 1024) /* bytes */
#define EVENT_BATCH_EVENTS 128        /* what a node's ring holds; more are not looked at */
#define EVENT_REASON_MAX 128
#define EVENT_AGE_MAX (INT64_C(1) << 40) /* milliseconds: 35 years */
#define EVENT_MESSAGE_MAX 1024           /* longer ones are cut */

struct event_batch {
    int64_t dropped;
    struct value *events; /* a list; owned */
    size_t count;         /* to look at */
};
void event_batch_done(struct event_batch *batch);
CLEANUP_DEFINE_VALUE(struct event_batch, event_batch_done);

/* One of them, its form checked; strings are borrowed from the batch, never NULL. */
struct node_event {
    const char *ns, *name, *uid; /* of a pod; ns and uid "": of the node */
    const char *type, *reason, *message;
    int64_t age_ms;
};

/* -EBADMSG, -ENOTSUP. What is beyond EVENT_BATCH_EVENTS counts as dropped. */
nodiscard int event_batch_read(const void *payload, size_t len, struct event_batch *ret,
                               struct err *err);
/* i < count. -EBADMSG with what is wrong; the others are good for all that. */
nodiscard int event_batch_at(struct event_batch *batch, size_t i, struct node_event *ret,
                             struct err *err);
