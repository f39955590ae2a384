#pragma once
/* What http.c, http_conn.c, http_body.c and http_stream.c share. Only http.c sees libmicrohttpd. */

#include "common/base/list.h"
#include "controller/http/http.h"
#include "controller/http/screen.h"

#define HTTP_MAX_HEADERS 16 /* of an answer */

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;
struct MHD_UpgradeResponseHandle;

/* A client. */
struct http_conn {
    struct list link; /* of http->conns */
    struct http *http;
    int fd; /* libmicrohttpd's */
    char *user, *refused, *address;
    char **groups;
    struct http_peer peer;
    struct screen *screen;
    uint64_t requests; /* begun */
    struct http_request *current;
    struct loop_timer *deadline;
    struct loop_io *hangup; /* while a stream is open: libmicrohttpd does not look then */
};

/* An answer without an end. */
struct http_stream {
    struct http *http;
    struct http_stream_handler handler;
    void *ctx;
    struct buf out;
    size_t head; /* bytes of out that were taken */
    bool ended, aborted;
    bool full; /* has been above the low-water mark since drained was last called */
    struct loop_defer *notice;
};

struct http_request {
    struct list link; /* of http->requests */
    struct http *http;
    struct http_conn *conn;        /* NULL once libmicrohttpd is done with the request */
    struct MHD_Connection *mhd;    /* NULL likewise */
    struct MHD_Response *response; /* answered, not yet queued */
    int code;
    size_t answer_len; /* bytes that the client has yet to take; of a stream 0 */
    char *method, *target, *subject;
    int64_t since;
    struct buf body;
    char *note_key, *note;
    const char *answer_text; /* while somebody is told of it */
    size_t answer_text_len;
    uint64_t nth;          /* of its connection */
    size_t received;       /* bytes of body, kept or not */
    http_body_fn *body_fn; /* NULL: it is kept */
    void *body_ctx;
    uint64_t file_len; /* of a file that is the answer */
    int refused;       /* a code that the body has earned */
    bool started;      /* headers were looked at */
    bool given;        /* the handler has had it */
    bool answered;     /* and has answered it */
    bool suspended;
    bool close;
    bool cut; /* to be cut instead of answered */
    char *names[HTTP_MAX_HEADERS], *values[HTTP_MAX_HEADERS];
    size_t header_count;
    struct http_stream *stream;
    void *attached;
    void (*free_attached)(void *thing);
    struct http_wire *wire;
    struct MHD_UpgradeResponseHandle *upgraded; /* until it is given back */
};

struct http {
    struct loop *loop;
    struct http_spec spec;
    struct MHD_Daemon *mhd;
    struct loop_io *io;
    struct loop_timer *timer;
    struct loop_defer *soon;
    struct list conns, requests;
    size_t conn_count, body_bytes, stream_bytes, answer_bytes;
    bool closing;
};

/* http.c: libmicrohttpd is to be run; a request that waits goes on; one that is over goes, once
 * both libmicrohttpd and the handler are done with it. */
void http_run_soon(struct http *http);
void http_resume(struct http_request *request);
void http_release(struct http_request *request);

struct http_conn *http_conn_new(struct http *http, int fd, const struct http_peer *peer,
                                struct screen *screen);
void http_conn_free(struct http_conn *conn);
/* Now, whatever waits to be sent: libmicrohttpd finds out and cleans up. */
void http_conn_cut(struct http_conn *conn);
/* The connection is cut if nothing else is said within that time. */
void http_conn_deadline(struct http_conn *conn, int64_t seconds);

/* A piece of the body, kept or (refused is set) not. False: so much too much came that nobody reads
 * an answer. */
bool http_body_take(struct http_request *request, const void *data, size_t len);
void http_body_drop(struct http_request *request);

struct http_stream *http_stream_new(struct http *http, const struct http_stream_handler *handler,
                                    void *ctx);
void http_stream_free(struct http_stream *stream); /* NULL is fine */
/* From now on a client that leaves is noticed. */
void http_stream_watch(struct http_request *request);
/* Up to max bytes of what waits; tells the handler when there is room again. */
size_t http_stream_take(struct http_request *request, void *data, size_t max);
/* libmicrohttpd is done with the request before its handler is. */
void http_stream_left(struct http_request *request);

/* http.c: the answer is given (with 101 headers, as the wire's); an upgraded connection goes back
 * to libmicrohttpd, which closes it and is done with the request. */
void http_answer_upgrade(struct http_request *request);
void http_give_back(struct http_request *request);

void http_wire_free(struct http_wire *wire); /* NULL is fine */
/* libmicrohttpd has handed the connection over. */
void http_wire_open(struct http_wire *wire, int fd, const void *extra, size_t len);
/* libmicrohttpd is done with the request. */
void http_wire_left(struct http_wire *wire);
/* The server ends: nobody is told. */
void http_wire_drop(struct http_wire *wire);
