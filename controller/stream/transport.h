#pragma once
/* An upgraded connection as streams use it: bare bytes, or messages of WebSocket (in base64, if the
 * client wants) whose pings are answered and whose close is kept. What a client can make us answer
 * is bounded: with too many answers not taken no more is read. */

#include "controller/http/http.h"
#include "controller/stream/coded.h"
#include "controller/stream/websocket.h"

struct transport_handler {
    /* What the client sends; of bare bytes first and last are false. Returns how much was taken; if
     * not all, no more comes until transport_more. */
    size_t (*data)(void *ctx, const uint8_t *data, size_t len, bool first, bool last);
    /* Some of what was written has gone. */
    void (*sent)(void *ctx);
    /* It is over: the client has left, closed it or broken its rules, or has had all of what was
     * said before transport_close. The last call. */
    void (*over)(void *ctx);
    /* The client has answered a transport_ping, or sent a pong unasked. May be NULL. */
    void (*pong)(void *ctx);
};

enum transport_form { TRANSPORT_BYTES, TRANSPORT_MESSAGES, TRANSPORT_CODED };

struct transport {
    struct http_wire *wire; /* NULL: over */
    const struct transport_handler *handler;
    void *ctx;
    enum transport_form form;
    bool closing, peer_closed;
    bool wrong; /* what came is not base64 */
    struct ws_reader reader;
    struct coded coded;
    size_t replies; /* bytes of our answers that may still wait */
    struct loop_timer *soon, *beat;
};

/* Answers the request with 101. Callbacks come from the loop. */
void transport_open(struct transport *transport, struct loop *loop, struct http_request *request,
                    enum transport_form form, const struct transport_handler *handler, void *ctx);
/* Cuts it if it is not over; no callback. Not from inside one. */
void transport_done(struct transport *transport);
/* head and data in a row; of WebSocket one message. Nothing once it is over. Of TRANSPORT_CODED
 * head is the channel, one byte. */
void transport_write(struct transport *transport, const void *head, size_t head_len,
                     const void *data, size_t len);
/* The same, as an answer to what the client sent. */
void transport_reply(struct transport *transport, const void *data, size_t len);
/* Of WebSocket; nothing once it is over. */
void transport_ping(struct transport *transport);
size_t transport_pending(const struct transport *transport); /* written, not gone */
void transport_more(struct transport *transport);
/* Nothing more is written, what comes is read over; the connection is closed when all has gone,
 * however long the client takes. */
void transport_close(struct transport *transport, enum ws_code code);
/* At once; over is called from the loop. */
void transport_cut(struct transport *transport);
