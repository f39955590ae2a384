#pragma once
/* What nodes that are gone leave behind: records in the store, messages that the broker retains. A
 * node is gone when no Node object carries its id; one of its name may have joined since. What a
 * crash left is found again: in the store at the start, at the broker with every connection. */

#include "common/bus/bus.h"
#include "controller/link/outqueue.h"
#include "controller/api/api.h"

struct remains;

struct remains_spec {
    struct loop *loop;
    struct api *api;
    struct store *store;
    struct bus *bus;
    struct outqueue *queue;
};
/* Borrows what is in spec. */
struct remains *remains_new(const struct remains_spec *spec);
/* In the same turn of the loop as api_stop. NULL is fine. */
void remains_free(struct remains *remains);

/* Connected to the broker: has it say all that nodes were told and that it retains. */
void remains_connected(struct remains *remains);
/* A node's object went, or is another's now. */
void remains_node(struct remains *remains, const char *node);
/* A message from the tree of `node`, of which the link knows nothing: cleared if the node is gone.
 */
void remains_message(struct remains *remains, const char *node, const struct bus_msg *msg);
