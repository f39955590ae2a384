#pragma once
/* What nodes and their pods use of CPU and memory, as the API server asks for it: worked out by the
 * nodes themselves, and only when somebody asks. */

#include "common/data/value.h"

/* One node's answer. */
struct node_usage_answer {
    int64_t time_ns;   /* wall: when it came */
    int64_t window_ns; /* what cpu is the rate of */
    struct value *all; /* as agent/pod/usage.h has it; what a node says is not to be relied on */
};
void node_usage_answer_done(struct node_usage_answer *answer);

/* answered: else the gateway ends, and ctx is to be freed, no more. */
typedef void node_usage_fn(void *ctx, bool answered);

struct node_usage_source {
    void *ctx;
    /* Asks those of the nodes (names of Node objects, a list of texts) of which nothing new enough
     * is known. fn is called once, never from inside the call, when all have answered or will not.
     * -EBUSY: too many wait already. */
    int (*ask)(void *ctx, const struct value *nodes, node_usage_fn *fn, void *fn_ctx);
    /* Within fn. -ENOENT: it has not answered. */
    int (*find)(void *ctx, const char *node, struct node_usage_answer *ret);
};
