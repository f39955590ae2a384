#pragma once
/* Messages that must reach the broker in order: sent as fast as it acknowledges, kept until it has
 * them. What waits is given up when the connection breaks, and what comes without one: its owners
 * say everything anew. */

#include "common/bus/bus.h"

struct outqueue;

/* retained (may be NULL) is told of each message that the broker is to keep or to drop. */
typedef void outqueue_retained_fn(void *ctx);
struct outqueue *outqueue_new(struct bus *bus, outqueue_retained_fn *retained, void *ctx);
void outqueue_free(struct outqueue *queue);
/* Copies. Answers (not retained) and clearings (retained, and empty) are each dropped while 16 MiB
 * of them wait. */
void outqueue_put(struct outqueue *queue, const struct bus_msg *msg);
/* After an acknowledgement or a new connection: sends what it can. */
void outqueue_pump(struct outqueue *queue);
bool outqueue_is_idle(const struct outqueue *queue); /* nothing waits */
void outqueue_clear(struct outqueue *queue);
