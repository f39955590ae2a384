#pragma once
/* What nodes ask (rpc.h, "ask"), answered at once by a table of methods. A node asks only so often,
 * and about what is its own. */

#include "common/crypto/crypto.h"
#include "common/data/value.h"
#include "common/loop/loop.h"

struct api;
struct asks;
struct sa_tokens;

/* A node's questions: so many at once (a reboot, with a token or two for each pod), and then one
 * each so often. What is beyond is not answered: the node asks again. */
#define ASKS_BURST 256
#define ASKS_INTERVAL_NS (200 * NS_PER_MS)

/* All borrowed. */
struct asks_spec {
    struct loop *loop;
    struct api *api;
    struct sa_tokens *tokens; /* NULL: this gateway issues none */
    /* Of body and raw; never called but from inside of asks_take. */
    void (*answer)(void *ctx, const char *node, const char *id, struct value *body, const void *raw,
                   size_t len);
    void *ctx;
};
struct asks *asks_new(const struct asks_spec *spec);
void asks_free(struct asks *asks); /* NULL is fine */

/* Who asks: proved by the topic and the message's MAC. */
struct asks_node {
    const char *name, *node;   /* of its Node object; its id */
    const struct key *sealing; /* its public one */
};
void asks_take(struct asks *asks, const struct asks_node *from, const char *id,
               const struct value *question);
/* The node is not enrolled any more. */
void asks_forget(struct asks *asks, const char *node);
