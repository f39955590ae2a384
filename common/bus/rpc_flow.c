#include "common/bus/rpc_flow.h"

#include "common/base/weaken.h"

#include <errno.h>

#define CREDIT_MAX (INT64_C(1) << 20) /* more was never granted by anyone sane */

void rpc_flow_init(struct rpc_flow *flow, size_t limit)
{
    *flow = (struct rpc_flow){.limit = limit};
}

void rpc_flow_open(struct rpc_flow *flow)
{
    flow->expected = flow->limit;
}

void rpc_flow_number(const struct rpc_flow *flow, struct value *body)
{
    value_set_int(body, "n", (int64_t)flow->sent + 1);
}

void rpc_flow_sent(struct rpc_flow *flow, size_t raw_len)
{
    flow->sent++;
    flow->credit -= raw_len;
}

static void add_credit(struct rpc_flow *flow, int64_t bytes)
{
    if (bytes > 0 && bytes <= CREDIT_MAX && (int64_t)flow->credit + bytes <= CREDIT_MAX)
        flow->credit += (size_t)bytes;
}

int rpc_flow_read(struct rpc_flow *flow, const struct value *body, size_t raw_len, struct err *err)
{
    int64_t n = value_get_int(body, "n", 0);
    if (n != (int64_t)flow->got + 1 && !WEAKENED(RPC_GAP))
        return err_set(err, -EPROTO, "a part of the stream was lost between gateway and node");
    flow->got = (uint64_t)n;
    if (raw_len > flow->expected && !WEAKENED(RPC_GRANTED))
        return err_set(err, -EDQUOT, "more was sent than was asked for");
    flow->expected -= raw_len;
    add_credit(flow, value_get_int(body, "bytes", 0));
    add_credit(flow, value_get_int(body, "credit", 0));
    return 0;
}

void rpc_flow_took(struct rpc_flow *flow, size_t bytes)
{
    flow->taken += bytes;
}

size_t rpc_flow_due(const struct rpc_flow *flow)
{
    return flow->taken >= flow->limit / 2 ? flow->taken : 0;
}

void rpc_flow_granted(struct rpc_flow *flow, size_t bytes)
{
    flow->taken -= bytes;
    flow->expected += bytes;
}
