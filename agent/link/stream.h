#pragma once
/* One stream of rpc.h on the node, as its method sees it (methods.h): what it may send and when,
 * what came, how it ends. The transport (streams.c) keeps order, credit and turns. All on the loop.
 */

#include "agent/pod/agent.h"
#include "common/bus/rpc.h"

struct stream;
struct usage;
struct prepulls;

/* What a method does. Those that a method has no use for may be NULL. */
struct stream_method {
    const char *name;
    bool opens; /* it says stream_opened, and nothing before */
    /* Begins it. An error ends it: -ENOENT 404, -EINVAL 400, -EBUSY 429, else 500. It may end at
     * once, too. */
    int (*open)(struct stream *stream, const struct value *args, struct err *err);
    /* Bytes from the client, at most what is granted; stream_took when they are passed on. */
    void (*data)(struct stream *stream, unsigned channel, const void *data, size_t len);
    void (*eof)(struct stream *stream, unsigned channel);
    /* There may be room again. */
    void (*ready)(struct stream *stream);
    /* The pod's containers have ended for good. */
    void (*pod_gone)(struct stream *stream);
    /* The stream is over, by whatever end: frees what stream_set_state was given. */
    void (*close)(struct stream *stream);
};

/* Of the node's: for methods. */
struct stream_node {
    struct loop *loop;
    struct agent *agent;
    struct usage *usage;       /* NULL: not counted */
    struct prepulls *prepulls; /* NULL: nothing is pulled ahead */
    void (*resync)(void *ctx); /* the gateway asks to be told everything again */
    void *ctx;
};
const struct stream_node *stream_node(const struct stream *stream);
const char *stream_ns(const struct stream *stream);
const char *stream_pod(const struct stream *stream);
void stream_set_state(struct stream *stream, void *state);
void *stream_state(const struct stream *stream);

/* It goes on: the client may send, and a method that `opens` too: its ready() is called. */
void stream_opened(struct stream *stream);
/* How many bytes may be sent now, at most RPC_MAX_CHUNK; 0: ready() is called when there is room.
 */
size_t stream_room(struct stream *stream);
/* How many were taken: all, if there is room for them, or 0: as stream_room. */
size_t stream_send(struct stream *stream, unsigned channel, const void *data, size_t len);
void stream_eof(struct stream *stream, unsigned channel); /* nothing more comes on it */
void stream_took(struct stream *stream, size_t bytes);
/* Over: code 0 with the exit code of a program, or an HTTP code and why. What was sent before
 * arrives before. close() is called from the loop, nothing else any more. */
void stream_end(struct stream *stream, int code, int exit_code, const char *message);
/* As by a failed open. */
void stream_fail(struct stream *stream, int rc, const char *message);
