#pragma once
/* The node's own address: that from which it would send to the outside, and when it becomes another
 * (a node that boots offline gets its first one hours later). */

#include "common/base/err.h"
#include "common/loop/loop.h"

/* As text, IPv4; "" while there is none. The caller frees. */
char *node_address_read(void);

struct node_address;
typedef void node_address_fn(void *ctx, const char *address);
/* Calls fn from the loop when the address is another than `known`, at first than that which is
 * given here, soon after the kernel told of a change (rtnetlink; nothing is polled). An address
 * that goes is not told: the node keeps the last one that it had until it has the next. */
nodiscard int node_address_new(struct loop *loop, const char *known, node_address_fn *fn, void *ctx,
                               struct node_address **ret, struct err *err);
void node_address_free(struct node_address *address);
