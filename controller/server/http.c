#include "controller/server/http.h"

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <sys/socket.h>

#define MAX_HEADERS 16
#define BLOCK (16 * 1024)
#define LOW_WATER (HTTP_MAX_PENDING / 4)

struct conn {
    struct list link; /* of http->conns */
    struct http *http;
    int fd; /* libmicrohttpd's */
    char *user, *refused;
    char **groups;
    struct http_peer peer;
    struct http_request *current;
    struct loop_timer *deadline;
    struct loop_io *hangup; /* while a stream is open: libmicrohttpd does not look then */
};

struct stream {
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
    struct conn *conn;             /* NULL once libmicrohttpd is done with the request */
    struct MHD_Connection *mhd;    /* NULL likewise */
    struct MHD_Response *response; /* answered, not yet queued */
    int code;
    char *method, *target;
    struct buf body;
    size_t received; /* bytes of body, kept or not */
    int refused;     /* a code that the body has earned */
    bool started;    /* headers were looked at */
    bool given;      /* the handler has had it */
    bool answered;   /* and has answered it */
    bool suspended;
    bool close;
    bool cut; /* to be cut instead of answered */
    char *names[MAX_HEADERS], *values[MAX_HEADERS];
    size_t header_count;
    struct stream *stream;
};

struct http {
    struct loop *loop;
    struct http_spec spec;
    struct MHD_Daemon *mhd;
    struct loop_io *io;
    struct loop_timer *timer;
    struct loop_defer *soon;
    struct list conns, requests;
    size_t conn_count, body_bytes;
    bool closing;
};

/* ---- driving libmicrohttpd ---- */

static void run(void *ctx);

static void run_soon(struct http *http)
{
    if (!http->soon)
        http->soon = loop_defer(http->loop, run, http);
}

static void run(void *ctx)
{
    struct http *http = ctx;
    MHD_UNSIGNED_LONG_LONG ms;
    http->soon = NULL;
    MHD_run(http->mhd);
    if (MHD_get_timeout(http->mhd, &ms) == MHD_YES)
        loop_timer_after(http->timer, (int64_t)(ms > 60000 ? 60000 : ms) * NS_PER_MS);
    else
        loop_timer_stop(http->timer);
}

static void on_io(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    run_soon(ctx);
}

static void on_timer(void *ctx)
{
    run_soon(ctx);
}

static void resume(struct http_request *request)
{
    if (!request->suspended)
        return;
    request->suspended = false;
    MHD_resume_connection(request->mhd);
    run_soon(request->http);
}

/* ---- connections ---- */

static void conn_free(struct conn *conn)
{
    list_remove(&conn->link);
    conn->http->conn_count--;
    loop_timer_free(conn->deadline);
    loop_io_free(conn->hangup);
    for (size_t i = 0; conn->groups && conn->groups[i]; i++)
        free(conn->groups[i]);
    free(conn->groups);
    free(conn->user);
    free(conn->refused);
    free(conn);
}

/* Taking too long: libmicrohttpd sees the end of the stream and cleans up. */
static void on_deadline(void *ctx)
{
    struct conn *conn = ctx;
    shutdown(conn->fd, SHUT_RDWR);
    run_soon(conn->http);
}

static void set_deadline(struct conn *conn, int64_t seconds)
{
    if (!WEAKENED(HTTP_DEADLINE))
        loop_timer_after(conn->deadline, seconds * NS_PER_S);
}

static struct conn *conn_new(struct http *http, int fd, const struct http_peer *peer)
{
    struct conn *conn = xcalloc(1, sizeof(*conn));
    size_t count = 0;
    conn->http = http;
    conn->fd = fd;
    while (peer && peer->groups && peer->groups[count])
        count++;
    conn->groups = xcalloc(count + 1, sizeof(*conn->groups));
    for (size_t i = 0; i < count; i++)
        conn->groups[i] = xstrdup(peer->groups[i]);
    conn->user = peer && peer->user ? xstrdup(peer->user) : NULL;
    conn->refused = peer && peer->refused ? xstrdup(peer->refused) : NULL;
    conn->peer = (struct http_peer){conn->user, (const char *const *)conn->groups, conn->refused};
    conn->deadline = loop_timer_new(http->loop, on_deadline, conn);
    set_deadline(conn, HTTP_FIRST_S);
    list_append(&http->conns, &conn->link);
    http->conn_count++;
    return conn;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_ctx)
            conn_free(*socket_ctx);
        *socket_ctx = NULL;
        return;
    }
    int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    struct list *it, *tmp;
    list_each(it, tmp, &http->conns)
    {
        struct conn *conn = container_of(it, struct conn, link);
        if (conn->fd == fd)
            *socket_ctx = conn;
    }
}

static struct conn *conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

int http_add(struct http *http, int fd, const struct http_peer *peer, struct err *err)
{
    if (http->conn_count >= http->spec.max_connections) {
        close(fd);
        return err_set(err, -EMFILE, "%u connections are open already", http->spec.max_connections);
    }
    struct conn *conn = conn_new(http, fd, peer);
    struct sockaddr unnamed = {.sa_family = AF_UNIX};
    if (MHD_add_connection(http->mhd, fd, &unnamed, sizeof(unnamed)) != MHD_YES) {
        int code = errno;
        conn_free(conn); /* the descriptor is closed already */
        return err_errno(err, code ? code : ENOMEM, "cannot serve the connection");
    }
    run_soon(http);
    return 0;
}

size_t http_connections(const struct http *http)
{
    return http->conn_count;
}

/* ---- requests ---- */

static void drop_body(struct http_request *request)
{
    request->http->body_bytes -= request->body.len;
    buf_done(&request->body);
}

static void request_free(struct http_request *request)
{
    list_remove(&request->link);
    drop_body(request);
    if (request->response)
        MHD_destroy_response(request->response);
    for (size_t i = 0; i < request->header_count; i++) {
        free(request->names[i]);
        free(request->values[i]);
    }
    if (request->stream) {
        loop_defer_free(request->stream->notice);
        buf_done(&request->stream->out);
        free(request->stream);
    }
    free(request->method);
    free(request->target);
    free(request);
}

/* It lives until both libmicrohttpd and the handler are done with it. */
static void request_release(struct http_request *request)
{
    if (!request->mhd && (request->answered || !request->given))
        request_free(request);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http *http = cls;
    struct http_request *request = xcalloc(1, sizeof(*request));
    request->http = http;
    request->mhd = mhd;
    request->conn = conn_of(mhd);
    request->target = xstrdup(uri);
    buf_init(&request->body, 0);
    list_append(&http->requests, &request->link);
    return request;
}

/* ---- answering ---- */

static enum MHD_Result queue_answer(struct http_request *request)
{
    if (request->cut || !request->response)
        return MHD_NO;
    if (request->close)
        MHD_add_response_header(request->response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (!request->stream)
        set_deadline(request->conn, HTTP_ANSWER_S);
    enum MHD_Result r =
        MHD_queue_response(request->mhd, (unsigned)request->code, request->response);
    MHD_destroy_response(steal(request->response));
    return r;
}

/* Takes response. */
static void answer_with(struct http_request *request, int code, const char *type,
                        struct MHD_Response *response)
{
    if (!response)
        abort();
    request->response = response;
    request->code = code;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache, private");
    for (size_t i = 0; i < request->header_count; i++)
        MHD_add_response_header(response, request->names[i], request->values[i]);
    resume(request);
}

void http_answer_header(struct http_request *request, const char *name, const char *value)
{
    if (request->header_count == MAX_HEADERS)
        return;
    request->names[request->header_count] = xstrdup(name);
    request->values[request->header_count++] = xstrdup(value);
}

void http_close_after(struct http_request *request)
{
    request->close = true;
}

void http_answer_buf(struct http_request *request, int code, const char *type, struct buf *body)
{
    size_t len;
    char *bytes = buf_steal(body, &len);
    drop_body(request);
    answer_with(request, code, type,
                MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE));
    request->answered = true;
    request_release(request);
}

void http_answer(struct http_request *request, int code, const char *type, const void *body,
                 size_t len)
{
    struct buf copy;
    buf_init(&copy, 0);
    buf_add(&copy, body, len);
    http_answer_buf(request, code, type, &copy);
}

/* ---- streams ---- */

static void on_notice(void *ctx)
{
    struct http_request *request = ctx;
    struct stream *stream = request->stream;
    stream->notice = NULL;
    if (request->answered)
        return;
    if (!request->mhd || request->cut) {
        request->answered = true;
        stream->handler.gone(stream->ctx, request);
        request_release(request);
        return;
    }
    stream->full = false;
    if (stream->handler.drained)
        stream->handler.drained(stream->ctx, request);
}

static void notice_soon(struct http_request *request)
{
    struct stream *stream = request->stream;
    if (!stream->notice && !request->answered)
        stream->notice = loop_defer(request->http->loop, on_notice, request);
}

/* libmicrohttpd does not look at a suspended connection, so we do. */
static void on_hangup(void *ctx, int fd, uint32_t events)
{
    struct conn *conn = ctx;
    struct http_request *request = conn->current;
    (void)fd;
    (void)events;
    loop_io_free(steal(conn->hangup));
    if (!request || !request->stream)
        return;
    request->cut = true;
    notice_soon(request);
    resume(request);
}

/* libmicrohttpd 0.9.75 leaves a resumed connection lying about for up to its timeout when its
 * reader ends with an error; a write that fails cleans up at once. Nothing of it reaches the
 * client. */
static ssize_t cut_stream(struct http_request *request, char *data)
{
    if (request->close)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    request->close = true;
    shutdown(request->conn->fd, SHUT_RDWR);
    *data = '\n';
    return 1;
}

static ssize_t read_stream(void *cls, uint64_t pos, char *data, size_t max)
{
    struct http_request *request = cls;
    struct stream *stream = request->stream;
    (void)pos;
    size_t have = stream->out.len - stream->head;
    if (stream->aborted || request->cut)
        return cut_stream(request, data);
    if (have == 0 && stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (have == 0) {
        request->suspended = true;
        MHD_suspend_connection(request->mhd);
        return 0;
    }
    size_t n = have < max ? have : max;
    memcpy(data, stream->out.data + stream->head, n);
    stream->head += n;
    if (stream->head == stream->out.len || stream->head >= HTTP_MAX_PENDING / 2) {
        buf_drop(&stream->out, stream->head);
        stream->head = 0;
    }
    if (stream->full && have - n <= LOW_WATER)
        notice_soon(request);
    return (ssize_t)n;
}

void http_stream_begin(struct http_request *request, int code, const char *type,
                       const struct http_stream_handler *handler, void *ctx)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    stream->handler = *handler;
    stream->ctx = ctx;
    buf_init(&stream->out, 2 * HTTP_MAX_PENDING);
    request->stream = stream;
    drop_body(request);
    answer_with(
        request, code, type,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, request, NULL));
    struct err err = {0};
    if (!request->conn) {
        notice_soon(request);
        return;
    }
    loop_timer_stop(request->conn->deadline);
    if (loop_io_new(request->http->loop, request->conn->fd, EPOLLRDHUP, on_hangup, request->conn,
                    &request->conn->hangup, &err) != 0)
        request->conn->hangup = NULL; /* then the next write finds out */
}

int http_stream_write(struct http_request *request, const void *data, size_t len)
{
    struct stream *stream = request->stream;
    size_t held = stream->out.len - stream->head;
    /* One chunk may always be held, however big. */
    bool over = held > 0 && held + len > HTTP_MAX_PENDING;
    if ((over && !WEAKENED(HTTP_STREAM_CAP)) || buf_add(&stream->out, data, len) != 0) {
        stream->full = true; /* drained tells when to try again */
        return -ENOBUFS;
    }
    if (held + len > LOW_WATER)
        stream->full = true;
    if (request->mhd)
        resume(request);
    return 0;
}

size_t http_stream_pending(const struct http_request *request)
{
    return request->stream->out.len - request->stream->head;
}

static void stream_conclude(struct http_request *request)
{
    loop_defer_free(steal(request->stream->notice));
    request->answered = true;
    if (request->mhd)
        resume(request);
    request_release(request);
}

void http_stream_end(struct http_request *request)
{
    request->stream->ended = true;
    stream_conclude(request);
}

void http_stream_abort(struct http_request *request)
{
    request->stream->aborted = true;
    stream_conclude(request);
}

/* ---- what libmicrohttpd calls ---- */

struct framing {
    int lengths, encodings;
    bool chunked;
};

static enum MHD_Result see_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct framing *framing = cls;
    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0)
        framing->lengths++;
    if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        framing->encodings++;
        framing->chunked = value && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

/* Two readings of where a request ends are how requests are smuggled. */
static bool framing_is_clear(struct MHD_Connection *mhd)
{
    struct framing framing = {0};
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, see_header, &framing);
    return WEAKENED(HTTP_FRAMING) || (framing.lengths + framing.encodings <= 1 &&
                                      framing.encodings == (framing.chunked ? 1 : 0));
}

static bool declares_too_much(struct MHD_Connection *mhd)
{
    const char *text =
        MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t len;
    return text && (str_to_u64(text, &len) != 0 || len > HTTP_MAX_BODY);
}

static enum MHD_Result refuse(struct http_request *request, int code)
{
    const char *message = code == 413 ? "the request body is larger than 1 MiB"
                          : code == 429
                              ? "too many requests at once: try again"
                              : "contradicting Content-Length or Transfer-Encoding headers";
    request->close = true;
    request->given = true;
    request->http->spec.refuse(request->http->spec.ctx, request, code, message);
    return queue_answer(request);
}

static enum MHD_Result start(struct http_request *request, const char *method)
{
    request->started = true;
    request->method = xstrdup(method);
    request->conn->current = request;
    set_deadline(request->conn, HTTP_BODY_S);
    if (!framing_is_clear(request->mhd))
        return refuse(request, 400);
    if (declares_too_much(request->mhd))
        return refuse(request, 413);
    if (request->http->spec.admit(request->http->spec.ctx, request))
        return MHD_YES;
    request->given = request->close = true;
    return queue_answer(request);
}

static enum MHD_Result take_body(struct http_request *request, const char *data, size_t len)
{
    struct http *http = request->http;
    request->received += len;
    if (request->received > HTTP_MAX_BODY)
        request->refused = 413;
    else if (http->body_bytes + len > HTTP_MAX_BODIES)
        request->refused = 429;
    if (request->refused) {
        drop_body(request);
        return request->received > (size_t)4 * HTTP_MAX_BODY ? MHD_NO : MHD_YES;
    }
    buf_add(&request->body, data, len);
    http->body_bytes += len;
    return MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_len, void **con_cls)
{
    struct http *http = cls;
    struct http_request *request = *con_cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (!request || !request->conn || http->closing)
        return MHD_NO;
    if (!request->started)
        return start(request, method);
    if (*data_len > 0) {
        size_t len = *data_len;
        *data_len = 0;
        return take_body(request, data, len);
    }
    if (request->given)
        return queue_answer(request);
    if (request->refused)
        return refuse(request, request->refused);
    request->given = true;
    loop_timer_stop(request->conn->deadline);
    http->spec.handler(http->spec.ctx, request);
    if (request->response || request->cut)
        return queue_answer(request);
    request->suspended = true;
    MHD_suspend_connection(mhd);
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct http_request *request = *con_cls;
    (void)cls;
    (void)mhd;
    (void)code;
    *con_cls = NULL;
    if (!request)
        return;
    struct conn *conn = request->conn;
    if (conn) {
        conn->current = NULL;
        loop_io_free(steal(conn->hangup));
        set_deadline(conn, HTTP_IDLE_S);
    }
    request->conn = NULL;
    request->mhd = NULL;
    if (request->stream && !request->answered)
        notice_soon(request);
    request_release(request);
}

/* Targets are decoded by url.c, from the bytes that were sent. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *s)
{
    (void)cls;
    (void)mhd;
    return strlen(s);
}

/* ---- the daemon ---- */

static struct MHD_Daemon *start_daemon(struct http *http)
{
    return MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_access, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, http, MHD_OPTION_CONNECTION_LIMIT,
        http->spec.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_STALL_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 * 1024,
        MHD_OPTION_END);
}

int http_new(const struct http_spec *spec, struct http **ret, struct err *err)
{
    struct http *http = xcalloc(1, sizeof(*http));
    http->loop = spec->loop;
    http->spec = *spec;
    list_init(&http->conns);
    list_init(&http->requests);
    http->timer = loop_timer_new(http->loop, on_timer, http);
    http->mhd = start_daemon(http);
    if (!http->mhd) {
        http_free(http);
        return err_set(err, -EIO, "libmicrohttpd does not start");
    }
    int fd = MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD)->listen_fd;
    int r = loop_io_new(http->loop, fd, EPOLLIN, on_io, http, &http->io, err);
    if (r) {
        http_free(http);
        return r;
    }
    *ret = http;
    return 0;
}

/* libmicrohttpd may only be stopped when nothing is suspended. */
static void cut_all(struct http *http)
{
    struct list *it, *tmp;
    http->closing = true;
    list_each(it, tmp, &http->requests)
    {
        struct http_request *request = container_of(it, struct http_request, link);
        request->cut = true;
        request->answered = true; /* nobody is told any more */
        resume(request);
    }
    MHD_run(http->mhd);
    MHD_stop_daemon(http->mhd);
}

void http_free(struct http *http)
{
    if (!http)
        return;
    loop_io_free(http->io);
    if (http->mhd)
        cut_all(http);
    struct list *it, *tmp;
    list_each(it, tmp, &http->requests) request_free(container_of(it, struct http_request, link));
    loop_defer_free(http->soon);
    loop_timer_free(http->timer);
    free(http);
}

/* ---- what was asked ---- */

const char *http_method(const struct http_request *request)
{
    return request->method;
}

const char *http_target(const struct http_request *request)
{
    return request->target;
}

bool http_has_body(const struct http_request *request)
{
    const char *len = http_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (len && !str_eq(len, "0")) || http_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

const char *http_header(const struct http_request *request, const char *name)
{
    return request->mhd ? MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name) : NULL;
}

const char *http_body(const struct http_request *request, size_t *ret_len)
{
    *ret_len = request->body.len;
    return buf_str(&request->body);
}

const struct http_peer *http_peer(const struct http_request *request)
{
    static const struct http_peer nobody;
    return request->conn ? &request->conn->peer : &nobody;
}
