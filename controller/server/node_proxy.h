#pragma once
/* GET of nodes/NAME/proxy/metrics: what Prometheus scrapes of a node, through the gateway. Nothing
 * is passed on to any address: it is made of what the node answers and of its Node object. */

#include "common/base/buf.h"
#include "controller/server/node_usage.h"
#include "controller/server/rest.h"

/* Answers the GET of nodes/NAME/proxy/..., which who asks may make (permit.h). */
void node_proxy(const struct ask *ask);

/* The pure half: the metrics of a node in the exposition format. node: the Node object. */
void node_proxy_write(const struct value *node, const struct node_usage_answer *answer,
                      struct buf *ret);
