#pragma once
/* What remote.c and its two dialects share: exec and attach. */

#include "controller/stream/streams_impl.h"

#define REMOTE_SIZE 256 /* bytes of a resize message */

struct remote;
struct remote_dialect {
    void (*begin)(struct remote *remote); /* the transport is open */
    /* As transport_handler.data. */
    size_t (*input)(struct remote *remote, const uint8_t *data, size_t len, bool first, bool last);
    void (*output)(struct remote *remote, enum pod_channel channel, const void *data, size_t len);
    void (*eof)(struct remote *remote, enum pod_channel channel);
    /* The last word, on POD_STATUS; text "" = none. Closes the transport when it can. */
    void (*finish)(struct remote *remote, const char *text);
    size_t (*held)(const struct remote *remote); /* output that is not the transport's yet */
    void (*done)(struct remote *remote);
    void (*pong)(struct remote *remote); /* as transport_handler.pong */
};
extern const struct remote_dialect remote_websocket, remote_spdy;

struct remote_channel {
    uint32_t id;     /* SPDY: of its stream; 0: the client has not opened it yet */
    struct buf held; /* for when it has; at most what a session has on its way, or the last word */
    bool eof;
};

struct remote {
    struct stream stream;
    const struct remote_dialect *dialect;
    struct http_request *request; /* until it is answered */
    struct pod_session *session;  /* NULL: over */
    struct transport transport;
    bool open, finished;
    bool wants[POD_CHANNELS];
    bool input_over;
    size_t unacked;             /* of output, by the client */
    char size[REMOTE_SIZE + 1]; /* what has come of a resize message */
    size_t size_len;
    char resize[64]; /* the newest that the session has not taken; "" = none */
    int channel;     /* WebSocket: of the message that comes; -1 = not known yet */
    int pongs;       /* WebSocket: to come before anything is said; 0 = it may be */
    int64_t began;   /* WebSocket: boot ns */
    struct mux mux;  /* SPDY */
    struct remote_channel channels[POD_CHANNELS];
    struct loop_timer *deadline; /* for the client to be ready */
};

/* What the client sends on a channel: how much was taken. */
size_t remote_input(struct remote *remote, enum pod_channel channel, const void *data, size_t len);
void remote_input_eof(struct remote *remote);
/* The client has broken the rules, or did not do its part: it is cut off. */
void remote_break(struct remote *remote);
/* Output may have gone. */
void remote_credit(struct remote *remote);
