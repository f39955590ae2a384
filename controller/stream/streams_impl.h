#pragma once
/* What streams.c, remote*.c and forward*.c share. */

#include "common/base/list.h"
#include "controller/stream/handshake.h"
#include "controller/stream/mux.h"
#include "controller/stream/streams.h"

struct stream;
struct stream_ops {
    /* Ends it at once: its client is cut off, or answered with that Status (which is taken). */
    void (*stop)(struct stream *stream, struct value *status);
    void (*free)(struct stream *stream);
};

/* The head of each. */
struct stream {
    struct list link; /* of streams->open, then of streams->buried */
    struct streams *all;
    const struct stream_ops *ops;
    struct handshake handshake;
    char *user;
    bool buried;
};

void stream_begin(struct streams *streams, struct stream *stream, const struct stream_ops *ops,
                  const char *user, const struct handshake *handshake);
/* It is over: it is freed from the loop. Harmless the second time. */
void stream_bury(struct stream *stream);
struct loop *stream_loop(const struct stream *stream);
/* 0 with *ret, or an HTTP code with the reason. */
int stream_dial(const struct stream *stream, const struct pod_dial *dial,
                const struct pod_session_handler *handler, void *ctx, struct pod_session **ret,
                struct err *err);

/* Bytes of *unacked that have surely gone to the client when no more than `waiting` have not: what
 * a session may be told that it was taken. */
size_t stream_taken(size_t *unacked, size_t waiting);

/* Both take the request. */
void remote_start(struct streams *streams, struct http_request *request,
                  const struct stream_ask *ask, const struct handshake *handshake);
void forward_start(struct streams *streams, struct http_request *request,
                   const struct stream_ask *ask, const struct handshake *handshake);
