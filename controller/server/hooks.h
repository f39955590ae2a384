#pragma once
/* What the API server needs of the rest of the controller: filled by who wires them together. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* GET /api/v1/namespaces/N/pods/P/log. Strings are borrowed for the call. */
struct logs_query {
    const char *ns, *pod, *uid, *node; /* of the pod as it is stored; node "" while it has none */
    const char *container;             /* "" if the request names none and the pod has one */
    bool follow, previous, timestamps;
    int64_t tail_lines, since_s, limit_bytes; /* -1 = not given */
    const char *since_time;                   /* RFC 3339; "" = not given */
};

/* Where the answer goes, in pieces. What is still open when the server is freed ends without a
 * callback. */
struct logs_sink;
/* -ENOBUFS: the client is slow; wait for drained and give the same bytes again. */
__attribute__((warn_unused_result)) int logs_write(struct logs_sink *sink, const void *data,
                                                   size_t len);
/* The end. The sink is not the caller's any more. */
void logs_end(struct logs_sink *sink);
/* A Status of that HTTP code (400-599) if nothing was written yet; else the stream is cut. As
 * logs_end. */
void logs_fail(struct logs_sink *sink, int code, const char *message);
struct logs_handler {
    void (*gone)(void *ctx);    /* the client has left: the sink is not the caller's any more */
    void (*drained)(void *ctx); /* there is room again; may be NULL */
};
/* Set within server_hooks.logs. */
void logs_set_handler(struct logs_sink *sink, const struct logs_handler *handler, void *ctx);

struct server_hooks {
    void *ctx;
    /* NULL: 503. Ends in logs_end or logs_fail, now or later. */
    void (*logs)(void *ctx, const struct logs_query *query, struct logs_sink *sink);
    /* For /readyz: NULL or "" means ready, else what is missing. May be NULL. */
    const char *(*unready)(void *ctx);
};
