#pragma once
/* Requests to nodes and their streams back (common/bus/rpc.h): authenticated by the key that
 * gateway and node agree on for each boot, bounded by credit, ended by time when the node does not
 * answer. */

#include "common/bus/bus.h"
#include "common/crypto/crypto.h"
#include "common/data/value.h"
#include "common/loop/loop.h"

struct calls;
struct call;

struct calls_spec {
    struct loop *loop;
    struct bus *bus;
    struct rng *rng;
    const struct key *sealing; /* the gateway's sealing key pair; borrowed */
};
struct calls *calls_new(const struct calls_spec *spec);
void calls_free(struct calls *calls); /* no callback */

/* A birth: from now on requests to this node are for this boot, and the streams that it was sending
 * before end with an error. */
void calls_boot(struct calls *calls, const char *node, const char *boot,
                const struct key *node_sealing);
/* The node's connection broke, or ours did (node NULL): its streams end with an error. */
void calls_lost(struct calls *calls, const char *node);
/* The node is gone for good. */
void calls_forget(struct calls *calls, const char *node);
/* The bus takes messages again (an acknowledgement came). */
void calls_pump(struct calls *calls);
/* A message on nodes/<node>/up/rpc/<id>. */
void calls_message(struct calls *calls, const char *node, const char *id, const void *payload,
                   size_t len);

struct call_handler {
    /* Bytes, in order, never more than were granted: RPC_CREDIT at first, then what was taken, by
     * call_credit. */
    void (*data)(void *ctx, const void *data, size_t len);
    /* Over: code 0, or an HTTP code and why. Called once; the call is freed afterwards. */
    void (*end)(void *ctx, int code, const char *message);
};
/* -ENOTCONN: the node is not connected (no birth in this life of the gateway); -EBUSY. */
nodiscard int call_open(struct calls *calls, const char *node, const char *method,
                        const struct value *args, const struct call_handler *handler, void *ctx,
                        struct call **ret, struct err *err);
void call_credit(struct call *call, size_t bytes);
/* The reader went away; no callback follows. */
void call_close(struct call *call);
