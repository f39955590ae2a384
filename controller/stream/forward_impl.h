#pragma once
/* What forward.c and its two dialects share: port-forward. */

#include "controller/stream/streams_impl.h"

#define FORWARD_MAX 128 /* connections at once of one client's port-forward */
#define FORWARD_ID 64   /* with NUL */

struct connection;
struct forward;
struct forward_dialect {
    void (*begin)(struct forward *forward); /* the transport is open */
    /* As transport_handler.data. */
    size_t (*input)(struct forward *forward, const uint8_t *data, size_t len, bool first,
                    bool last);
    void (*output)(struct connection *connection, const void *data, size_t len);
    void (*eof)(struct connection *connection); /* no more output */
    /* It is over: why not well, or NULL. It is freed afterwards. */
    void (*finish)(struct connection *connection, const char *why);
    void (*done)(struct forward *forward);
};
extern const struct forward_dialect forward_websocket, forward_spdy;

/* One connection to a port of the pod. */
struct connection {
    struct list link; /* of forward->connections */
    struct forward *forward;
    struct pod_session *session; /* NULL: not begun, or over */
    bool open;                   /* the node has begun it */
    bool input_over;             /* the client sends no more */
    uint16_t port;
    size_t unacked;              /* of output, by the client */
    uint32_t data_id, error_id;  /* SPDY: of its streams; 0 = not open yet */
    char id[FORWARD_ID];         /* SPDY: what pairs them */
    struct loop_timer *deadline; /* SPDY: for the second of them */
    size_t index;                /* WebSocket: of the port among those of the URL */
};

struct forward {
    struct stream stream;
    const struct forward_dialect *dialect;
    struct transport transport;
    char *ns, *pod, *uid, *node;
    struct list connections;
    size_t count;
    bool stopped;
    uint16_t ports[STREAM_MAX_PORTS];
    size_t port_count;
    struct mux mux; /* SPDY */
    int channel;    /* WebSocket: of the message that comes; -1 = not known yet */
};

/* NULL: there are too many. */
struct connection *connection_new(struct forward *forward, uint16_t port);
/* Begins it; what comes of it, a failure too, is told the dialect from the loop or at once. The
 * connection may be gone afterwards. */
void connection_dial(struct connection *connection);
/* What the client sends: how much was taken. */
size_t connection_input(struct connection *connection, const void *data, size_t len);
void connection_input_eof(struct connection *connection);
/* The client gives it up; it is freed, and the dialect not told. */
void connection_drop(struct connection *connection);
/* It is over; the dialect is told, then it is freed. */
void connection_end(struct connection *connection, const char *why);
/* The client has broken the rules: it is cut off. */
void forward_break(struct forward *forward);
