#pragma once
/* How fast a pod may receive and send: its annotations kubernetes.io/ingress-bandwidth and
 * egress-bandwidth, quantities of bits a second. Pure. */

#include "agent/net/net.h"
#include "common/data/value.h"

/* annotations: of its metadata, may be NULL. -EINVAL: no quantity, or not within 1k and 1P. */
nodiscard int bandwidth_read(const struct value *annotations, struct net_rates *ret,
                             struct err *err);
