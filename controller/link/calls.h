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
    /* A node asks something: question is the body of its message. NULL: nobody answers. */
    void (*ask)(void *ctx, const char *node, const char *id, const struct value *question);
    void *ctx;
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
/* Something that we published was acknowledged (of a call or not): the bus takes more. */
void calls_acked(struct calls *calls, uint32_t id);
/* A message on nodes/<node>/up/rpc/<id>. */
void calls_message(struct calls *calls, const char *node, const char *id, const void *payload,
                   size_t len);

/* What a node is answered: body gets its "op". -ENOTCONN, -ENOBUFS: it will ask again. */
nodiscard int calls_answer(struct calls *calls, const char *node, const char *id,
                           struct value *body, const void *raw, size_t len, struct err *err);

/* How a call ended. */
struct call_end {
    int code;            /* 0, or an HTTP code */
    int exit_code;       /* of a program that ended */
    const char *message; /* with another code: why; borrowed */
};
/* Those that a caller has no use for may be NULL, but data and end. None comes from inside a call
 * of ours. */
struct call_handler {
    /* It goes on: the node takes bytes. Not of every method. */
    void (*opened)(void *ctx);
    /* Bytes, in order, never more than RPC_CREDIT that call_took was not told of. */
    void (*data)(void *ctx, unsigned channel, const void *data, size_t len);
    /* Nothing more comes on that channel. */
    void (*eof)(void *ctx, unsigned channel);
    /* After a send that took less than everything: there is room again. */
    void (*room)(void *ctx);
    /* Over. Called once; the call is freed afterwards. */
    void (*end)(void *ctx, const struct call_end *end);
};
/* -ENOTCONN: the node is not connected (no birth in this life of the gateway); -EBUSY. */
nodiscard int call_open(struct calls *calls, const char *node, const char *method,
                        const struct value *args, const struct call_handler *handler, void *ctx,
                        struct call **ret, struct err *err);
/* Bytes to the node; how many of them were taken. With `whole`: all or nothing, len at most
 * RPC_MAX_CHUNK. */
size_t call_send(struct call *call, unsigned channel, const void *data, size_t len, bool whole);
void call_eof(struct call *call, unsigned channel); /* nothing more goes on that channel */
void call_took(struct call *call, size_t bytes);
/* The reader went away; no callback follows. */
void call_close(struct call *call);
