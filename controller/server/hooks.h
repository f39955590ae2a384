#pragma once
/* What the API server needs of the rest of the controller: filled by who wires them together. */

#include "common/base/err.h"
#include "controller/server/node_usage.h"
#include "controller/server/pod_session.h"

/* What is asked of the node that a pod runs on: GET /api/v1/namespaces/N/pods/P/log and /why.
 * Strings are borrowed for the call. */
struct pod_query {
    const char *what;                  /* "logs", or "why": why the pod is not (fully) running */
    const char *ns, *pod, *uid, *node; /* of the pod as it is stored; node "" while it has none */
    /* Of logs alone. */
    const char *container; /* "" if the request names none and the pod has one */
    bool follow, previous, timestamps;
    int64_t tail_lines, since_s, limit_bytes; /* -1 = not given */
    const char *since_time;                   /* RFC 3339; "" = not given */
};

/* What is asked of a node: GET or POST /api/v1/nodes/N/pull. Borrowed for the call. */
struct node_pull {
    const char *node;
    bool order;                 /* POST: it is to pull them; else it tells how it goes with them */
    const struct value *images; /* as the client wrote them; the node reads them strictly */
};

/* Where the answer goes, in pieces. What is still open when the server is freed ends without a
 * callback. */
struct pod_sink;
/* -ENOBUFS: the client is slow; wait for drained and give the same bytes again. */
__attribute__((warn_unused_result)) int pod_sink_write(struct pod_sink *sink, const void *data,
                                                       size_t len);
/* The end. The sink is not the caller's any more. */
void pod_sink_end(struct pod_sink *sink);
/* A Status of that HTTP code (400-599) if nothing was written yet; else the stream is cut. As
 * pod_sink_end. */
void pod_sink_fail(struct pod_sink *sink, int code, const char *message);
struct pod_sink_handler {
    void (*gone)(void *ctx);    /* the client has left: the sink is not the caller's any more */
    void (*drained)(void *ctx); /* there is room again; may be NULL */
};
/* Set within server_hooks.pod_stream. */
void pod_sink_set_handler(struct pod_sink *sink, const struct pod_sink_handler *handler, void *ctx);

struct http_request;

/* A live stream that a client asks for and may have. Everything is borrowed for the call. */
#define STREAM_MAX_PORTS 32
struct stream_ask {
    const char *user;
    struct pod_dial dial;  /* of a port-forward without the port */
    const uint16_t *ports; /* that the URL names, of a port-forward; at most STREAM_MAX_PORTS */
    size_t port_count;
};

struct server_hooks {
    void *ctx;
    /* NULL: 503. Ends in pod_sink_end or pod_sink_fail, now or later. */
    void (*pod_stream)(void *ctx, const struct pod_query *query, struct pod_sink *sink);
    /* As pod_stream; what the node answers is JSON (agent/image/prepulls.h). */
    void (*node_pull)(void *ctx, const struct node_pull *pull, struct pod_sink *sink);
    /* Begins a live stream; ctx is that of this struct. NULL: 503. 0 with *ret, which is the
     * caller's until its end: opened or end follows. -ENOTCONN: the node is not connected; -EBUSY:
     * too many streams are open. */
    int (*pod_dial)(void *ctx, const struct pod_dial *dial,
                    const struct pod_session_handler *handler, void *handler_ctx,
                    struct pod_session **ret, struct err *err);
    /* Serves a client that may have a live stream to a pod: ends the request, now or later. ctx is
     * `streams`. NULL: 503. */
    void *streams;
    void (*stream)(void *streams, struct http_request *request, const struct stream_ask *ask);
    /* What nodes use; it ends before the server does. NULL: 503. */
    const struct node_usage_source *usage;
    /* Of the gateway as a whole, asked by a member of system:masters. NULL: 503. Each ends the
     * request, now or later: a POST of /apis/limpet.io/v1/backup, a GET or POST of .../restore. */
    void *gateway;
    void (*backup)(void *gateway, struct http_request *request);
    void (*restore)(void *gateway, struct http_request *request);
};
