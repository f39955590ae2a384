#pragma once
/* What is to be said of the pods, latest state only: one retained message a pod, kept until the
 * broker has it, and sent again after the broker lost it. A bounded ring of events with a count of
 * what fell out. No I/O. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_EVENTS 128
#define OUTBOX_MESSAGE 1024

struct outbox;

/* seq0: higher than any sequence number of an earlier agent of the same boot. */
struct outbox *outbox_new(const char *boot, uint64_t seq0);
void outbox_free(struct outbox *outbox);

/* A new status (pod is copied). */
void outbox_status(struct outbox *outbox, const char *uid, const struct value *pod, bool gone);
/* Pods that are gone and that nobody asks for any more are forgotten once the broker has their last
 * word. Until then it is kept, and said again to a broker that lost it: the gateway may not have
 * heard it. listed: whether the desired state in force names the path "Pod/ns/name". */
typedef bool outbox_listed_fn(void *ctx, const char *path);
void outbox_settle(struct outbox *outbox, outbox_listed_fn *listed, void *ctx);
/* The next message that must be sent: its uid and payload (appended to ret); false if there is
 * none. It is marked as in flight under `token`, which the caller chooses (not 0), by outbox_sent.
 */
bool outbox_next(struct outbox *outbox, const char **ret_uid, struct buf *ret);
void outbox_sent(struct outbox *outbox, const char *uid, uint32_t token);
/* The broker has it (ok), or it must be sent again. */
void outbox_acked(struct outbox *outbox, uint32_t token, bool ok);
/* The connection broke: what was in flight is sent again. lost: the broker forgot everything. */
void outbox_reset(struct outbox *outbox, bool lost);
/* The hash of beats: of every status that stands (pods that are gone are not counted). */
void outbox_hash(const struct outbox *outbox, uint8_t ret[8]);

/* Takes event, whose "message" is cut to OUTBOX_MESSAGE bytes. now: boot ns. */
void outbox_event(struct outbox *outbox, struct value *event, int64_t now);
/* All waiting events as one message (common/bus/event_batch.h), each with its "age"; false if none.
 * They stay until outbox_events_sent. */
bool outbox_events(struct outbox *outbox, int64_t now, struct buf *ret);
void outbox_events_sent(struct outbox *outbox);
