#pragma once
/* Messages of the bus as values: for who keeps one (a will, an outbox, the fake broker). */

#include "common/base/cleanup.h"
#include "common/bus/bus.h"

/* One block with everything in it. */
struct bus_msg *bus_msg_copy(const struct bus_msg *msg);
void bus_msg_free(struct bus_msg *msg);
CLEANUP_DEFINE(struct bus_msg, bus_msg_free);

/* The caps of bus.h and MQTT's rules for a topic to publish to (no wildcard, not empty). -EINVAL,
 * -EMSGSIZE. */
nodiscard int bus_msg_check(const struct bus_msg *msg, struct err *err);
