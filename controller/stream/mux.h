#pragma once
/* The streams of one SPDY connection: which there are, and who has ended what. */

#include "controller/stream/spdy.h"
#include "controller/stream/spdy_headers.h"
#include "controller/stream/transport.h"

struct mux_handler {
    /* The client opens a stream: false refuses it. */
    bool (*open)(void *ctx, uint32_t id, const struct spdy_headers *headers);
    /* As spdy_handler's, of streams that are open; fin counts when all of it was taken. */
    size_t (*data)(void *ctx, uint32_t id, const uint8_t *data, size_t len, bool fin);
    /* The client gives the stream up, both ways; it is no more. May be called while reading. */
    void (*reset)(void *ctx, uint32_t id);
};

struct mux_stream {
    uint32_t id;
    bool client_done, server_done;
};

struct mux {
    struct transport *transport;
    const struct mux_handler *handler;
    void *ctx;
    struct spdy_reader reader;
    struct spdy_unpacker *unpacker; /* from the first block on */
    struct mux_stream *streams;
    size_t count, max;
    uint32_t last; /* id that the client has used */
    bool replied;
};

/* At most max streams at once. What is written goes to transport, which may be opened later. */
void mux_init(struct mux *mux, struct transport *transport, size_t max,
              const struct mux_handler *handler, void *ctx);
void mux_done(struct mux *mux); /* zeroed is fine */

/* What the client sends: *ret_used as ws_read. -EPROTO: the connection is no use any more. */
int mux_read(struct mux *mux, const void *data, size_t len, size_t *ret_used);
/* On streams that are no more, and behind mux_fin, these do nothing. */
void mux_send(struct mux *mux, uint32_t id, const void *data, size_t len);
void mux_fin(struct mux *mux, uint32_t id);
/* What the client still sends on it is read over. */
void mux_forget(struct mux *mux, uint32_t id);
