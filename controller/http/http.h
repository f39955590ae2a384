#pragma once
/* HTTP/1.1 by libmicrohttpd, on our loop, over plain stream sockets that somebody else accepted
 * (and took TLS off). Requests come whole; answers are whole or chunked streams with back-pressure.
 * Everything that a client can make us hold is capped, and every phase in which we wait for a
 * client has an end. */

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/loop/loop.h"

#include <stdbool.h>

#define HTTP_MAX_BODY (1024 * 1024 + 64 * 1024) /* of a request; more is answered 413 */
#define HTTP_MAX_BODIES (64 * 1024 * 1024)      /* of all requests together; more is answered 429 */
#define HTTP_MAX_PENDING ((size_t)2 * 1024 * 1024)  /* bytes a stream holds for a slow client */
#define HTTP_MAX_STREAMS ((size_t)64 * 1024 * 1024) /* ... and all streams together */
#define HTTP_FAIR_STREAM ((size_t)64 * 1024) /* what each may hold, however much that comes to */
#define HTTP_MAX_ANSWERS ((size_t)64 * 1024 * 1024) /* of answers not yet taken, together */
#define HTTP_FAIR_ANSWER ((size_t)16 * 1024)        /* one of that size may wait, however many do */
#define HTTP_FIRST_S 30                             /* to the end of the first request's headers */
#define HTTP_IDLE_S 120                             /* to the end of a later one's */
#define HTTP_BODY_S 60                              /* from there to the end of its body */
#define HTTP_ANSWER_S 600                           /* to take a whole answer */
#define HTTP_STALL_S 60                             /* without a byte moving, while one could */
#define HTTP_SLOWEST ((int64_t)4 * 1024) /* bytes a second of a file that is sent, at least */

struct http;
struct http_request;

/* Who is at the other end, as TLS proved it. user NULL: nobody. */
struct http_peer {
    const char *user;
    const char *const *groups; /* NULL-terminated; NULL = none */
    const char *refused;       /* why what was shown does not count; NULL = nothing was shown */
    const char *address;       /* "192.0.2.7"; NULL = not known */
};

/* Called with the headers of each request, before its body: false after having answered it (who may
 * not ask shall not make us hold a body). */
typedef bool http_admit_fn(void *ctx, struct http_request *request);
/* Called with each whole request. Answers it, now or later, by http_answer, http_answer_buf or
 * http_stream_begin: exactly once, even if the client has gone away meanwhile. */
typedef void http_handler_fn(void *ctx, struct http_request *request);

struct http_spec {
    struct loop *loop;
    unsigned max_connections;
    http_admit_fn *admit;
    http_handler_fn *handler;
    void *ctx;
    /* Answers a request that is refused for its size (code 413, 414, 429, 431) or form (400, 505).
     */
    void (*refuse)(void *ctx, struct http_request *request, int code, const char *message);
    /* Told of every answer, refusals too, before it is sent: of streams as they begin. Headers can
     * still be added. May be NULL. */
    void (*answered)(void *ctx, struct http_request *request, int code, bool stream);
};
nodiscard int http_new(const struct http_spec *spec, struct http **ret, struct err *err);
/* Closes every connection at once; requests that wait for an answer are gone (no callback). */
void http_free(struct http *http);
/* Serves fd (taken in any case). peer is copied. screen is referenced: what comes has been through
 * it, and what it refuses is refused; NULL: what comes is well-formed. -EMFILE when there are too
 * many connections. */
struct screen;
nodiscard int http_add(struct http *http, int fd, const struct http_peer *peer,
                       struct screen *screen, struct err *err);
size_t http_connections(const struct http *http);
/* The requests that wait for their answer, and the streams that go on. */
typedef void http_each_fn(void *ctx, const struct http_request *request, bool stream);
void http_each(const struct http *http, http_each_fn *fn, void *ctx);

/* Of a request; strings are borrowed until it is answered, http_header's only until the handler
 * returns. */
const char *http_method(const struct http_request *request);
const char *http_target(const struct http_request *request); /* raw: "/api/v1/pods?limit=5" */
const char *http_header(const struct http_request *request, const char *name); /* NULL if absent */
/* Each header, those that come several times too. Borrowed for the call; until the handler
 * returns. */
typedef void http_header_fn(void *ctx, const char *name, const char *value);
void http_each_header(const struct http_request *request, http_header_fn *fn, void *ctx);
int64_t http_since(const struct http_request *request); /* boot ns: its headers had come */
bool http_has_body(const struct http_request *request); /* announced, while headers can be read */
const char *http_body(const struct http_request *request,
                      size_t *ret_len); /* "" if there is none */
/* In admit, which then says true: the body is not held, however large it is, but goes to fn piece
 * by piece; the handler is called after its end, as ever. fn says false to have the connection cut.
 * There is no deadline but that something comes (HTTP_STALL_S). */
typedef bool http_body_fn(void *ctx, const void *data, size_t len);
void http_take_body(struct http_request *request, http_body_fn *fn, void *ctx);
/* The value of each header of that name, in order; borrowed likewise. */
void http_each_value(const struct http_request *request, const char *name,
                     void (*fn)(void *ctx, const char *value), void *ctx);
const struct http_peer *http_peer(const struct http_request *request);
/* Something that goes with the request and is freed with it (free_it may be NULL): who asks. Once a
 * request. */
void http_attach(struct http_request *request, void *thing, void (*free_it)(void *thing));
void *http_attached(const struct http_request *request); /* NULL: nothing is */
/* The connection's last word: it is closed after the answer. */
void http_close_after(struct http_request *request);

/* What the answer is about, for who is told of it (http_spec.answered); before it. Copied. */
void http_answer_subject(struct http_request *request, const char *name);
const char *http_subject(const struct http_request *request); /* NULL: was not said */
/* The same for one remark on it: key and text, copied; NULL: there is none. */
void http_answer_note(struct http_request *request, const char *key, const char *text);
const char *http_note(const struct http_request *request, const char **ret_key);
/* The whole answer, while http_spec.answered is told of it; "" of a stream. Borrowed. */
const char *http_answer_text(const struct http_request *request, size_t *ret_len);
/* Before the answer; at most 16. Copied. */
void http_answer_header(struct http_request *request, const char *name, const char *value);
/* The whole answer; the request is not the caller's any more. body is copied. When more waits to be
 * taken than HTTP_MAX_ANSWERS, the connections that have been about a big answer longest are cut.
 */
void http_answer(struct http_request *request, int code, const char *type, const void *body,
                 size_t len);
/* The same, taking the bytes of body. */
void http_answer_buf(struct http_request *request, int code, const char *type, struct buf *body);

/* The same with len bytes of a file from `offset` on, which go without being held. Takes fd. A file
 * that turns out shorter cuts the connection. */
void http_answer_file(struct http_request *request, int code, const char *type, int fd,
                      uint64_t offset, uint64_t len);

struct http_stream_handler {
    /* The client is gone; the request is not the caller's any more. */
    void (*gone)(void *ctx, struct http_request *request);
    /* What was written has been taken (or nearly): there is room again. May be NULL. */
    void (*drained)(void *ctx, struct http_request *request);
};
/* A chunked answer. Callbacks come from the loop, never from inside a call here. */
void http_stream_begin(struct http_request *request, int code, const char *type,
                       const struct http_stream_handler *handler, void *ctx);
/* One chunk, sent as soon as the client takes it. -ENOBUFS (nothing is taken) beyond
 * HTTP_MAX_PENDING, or beyond HTTP_FAIR_STREAM while all streams hold HTTP_MAX_STREAMS. */
nodiscard int http_stream_write(struct http_request *request, const void *data, size_t len);
size_t http_stream_pending(const struct http_request *request);
/* How much may be made ready for this client now: less while all streams hold much. 0: drained will
 * be called when it is time to ask again. */
size_t http_stream_room(struct http_request *request);
/* What was written is still sent; the request is not the caller's any more. */
void http_stream_end(struct http_request *request);
/* The connection is cut, so that the client cannot take the stream for complete. */
void http_stream_abort(struct http_request *request);
/* Cuts the connections of the streams for which fn says true, as if their clients had left: what
 * waits is not sent, and their handlers' gone is called, from the loop. */
typedef bool http_chosen_fn(void *ctx, const struct http_request *request);
void http_cut_streams(struct http *http, http_chosen_fn *fn, void *ctx);

/* A connection that speaks another protocol from now on (RFC 9110 section 7.8): raw bytes both
 * ways. Nothing else is asked on it. */
#define HTTP_WIRE_CHUNK ((size_t)16 * 1024)      /* read at once, and all that is held unread */
#define HTTP_WIRE_MAX ((size_t)16 * 1024 * 1024) /* held for the client: then it is cut off */
struct http_wire;
struct http_wire_handler {
    /* What the client sends. Returns how much of it was taken: if not all, the rest is kept and no
     * more is read until http_wire_more. */
    size_t (*bytes)(void *ctx, const void *data, size_t len);
    /* Some of what was written has gone to the client. May be NULL. */
    void (*sent)(void *ctx);
    /* The client is gone, or sends no more; the wire is not the caller's any more. */
    void (*gone)(void *ctx);
};
/* Answers 101 with the headers that were set, "Upgrade" among them. Callbacks come from the loop,
 * never from inside a call here. What the client sent too early is not lost. */
struct http_wire *http_upgrade(struct http_request *request,
                               const struct http_wire_handler *handler, void *ctx);
/* Takes all of it, and sends it as the client takes it. The caller sees to it that what waits is
 * bounded. */
void http_wire_write(struct http_wire *wire, const void *data, size_t len);
/* What was written so far goes in a turn of the loop of its own, so that it mostly is a TLS record
 * of its own: some clients of WebSocket wait for the socket while a message lies in their TLS. */
void http_wire_part(struct http_wire *wire);
size_t http_wire_pending(const struct http_wire *wire); /* written, and not gone yet */
void http_wire_more(struct http_wire *wire);
/* What was written is still sent (for HTTP_STALL_S at most), then the connection is closed. The
 * wire is not the caller's any more. */
void http_wire_end(struct http_wire *wire);
/* Now. Likewise. */
void http_wire_cut(struct http_wire *wire);
