#pragma once
/* What nodes say that happened, turned into Event objects. A node is heard about itself and about
 * the pods that are bound to it, and only so often. */

#include "common/loop/loop.h"
#include "controller/reconcile/recorder.h"
#include "controller/api/api.h"

struct events;

/* A node's events: so many at once, and then one each second. Within the hour that an event lives
 * one node alone cannot push out what all others said (common/kinds/event.c). */
#define EVENTS_BURST 256
#define EVENTS_INTERVAL_NS NS_PER_S

struct events *events_new(struct loop *loop, struct api *api, struct recorder *recorder);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void events_free(struct events *events);

/* A message of a node. name: the Node object; node: the id that the topic proved. */
void events_take(struct events *events, const char *name, const char *node, const void *payload,
                 size_t len);
/* The node is not enrolled any more. */
void events_forget(struct events *events, const char *node);
