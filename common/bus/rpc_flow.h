#pragma once
/* One side's books of one stream of rpc.h: what was numbered, what was granted. Pure. */

#include "common/base/err.h"
#include "common/data/value.h"

#include <stddef.h>
#include <stdint.h>

struct rpc_flow {
    uint64_t sent, got; /* the last numbers */
    size_t credit;      /* bytes that we may still send */
    size_t limit;       /* bytes of the other side on their way or with us */
    size_t expected;    /* of those: not here yet */
    size_t taken;       /* passed on, not granted again yet */
};

/* limit: what the other side may send before we have taken any of it; nothing until it is told so.
 */
void rpc_flow_init(struct rpc_flow *flow, size_t limit);
void rpc_flow_open(struct rpc_flow *flow); /* it is told */
/* A message of ours: its number goes into the body; rpc_flow_sent when the bus has it. */
void rpc_flow_number(const struct rpc_flow *flow, struct value *body);
void rpc_flow_sent(struct rpc_flow *flow, size_t raw_len);
/* A message of theirs: counts it, and the credit that it may carry. -EPROTO: one before it is
 * missing; -EDQUOT: more than was granted. The message is for the client. */
nodiscard int rpc_flow_read(struct rpc_flow *flow, const struct value *body, size_t raw_len,
                            struct err *err);
/* Bytes of theirs were passed on. */
void rpc_flow_took(struct rpc_flow *flow, size_t bytes);
/* What is worth a message of credit now; 0: nothing yet. */
size_t rpc_flow_due(const struct rpc_flow *flow);
void rpc_flow_granted(struct rpc_flow *flow, size_t bytes);
