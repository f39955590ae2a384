#include "controller/http/http_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define BLOCK (16 * 1024)
/* Of a connection: the longest head (screen.h), what is noted of each header and parameter, and an
 * answer. libmicrohttpd fills it with zeros after each request, so that all of it is resident. */
#define MEMORY ((size_t)32 * 1024)

/* ---- driving libmicrohttpd ---- */

static void run(void *ctx);

void http_run_soon(struct http *http)
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
    http_run_soon(ctx);
}

static void on_timer(void *ctx)
{
    http_run_soon(ctx);
}

void http_resume(struct http_request *request)
{
    if (!request->suspended)
        return;
    request->suspended = false;
    MHD_resume_connection(request->mhd);
    http_run_soon(request->http);
}

/* ---- connections ---- */

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_ctx)
            http_conn_free(*socket_ctx);
        *socket_ctx = NULL;
        return;
    }
    int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    struct list *it, *tmp;
    list_each(it, tmp, &http->conns)
    {
        struct http_conn *conn = container_of(it, struct http_conn, link);
        if (conn->fd == fd)
            *socket_ctx = conn;
    }
}

static struct http_conn *conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

int http_add(struct http *http, int fd, const struct http_peer *peer, struct screen *screen,
             struct err *err)
{
    if (http->conn_count >= http->spec.max_connections) {
        close(fd);
        return err_set(err, -EMFILE, "%u connections are open already", http->spec.max_connections);
    }
    struct http_conn *conn = http_conn_new(http, fd, peer, screen);
    struct sockaddr unnamed = {.sa_family = AF_UNIX};
    if (MHD_add_connection(http->mhd, fd, &unnamed, sizeof(unnamed)) != MHD_YES) {
        int code = errno;
        http_conn_free(conn); /* the descriptor is closed already */
        return err_errno(err, code ? code : ENOMEM, "cannot serve the connection");
    }
    http_run_soon(http);
    return 0;
}

size_t http_connections(const struct http *http)
{
    return http->conn_count;
}

/* ---- requests ---- */

static void request_free(struct http_request *request)
{
    list_remove(&request->link);
    request->http->answer_bytes -= request->answer_len;
    http_body_drop(request);
    if (request->response)
        MHD_destroy_response(request->response);
    for (size_t i = 0; i < request->header_count; i++) {
        free(request->names[i]);
        free(request->values[i]);
    }
    http_stream_free(request->stream);
    if (request->free_attached)
        request->free_attached(request->attached);
    http_wire_free(request->wire);
    free(request->method);
    free(request->target);
    free(request->subject);
    free(request->note_key);
    free(request->note);
    free(request);
}

void http_release(struct http_request *request)
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
        http_conn_deadline(request->conn,
                           HTTP_ANSWER_S + (int64_t)request->file_len / HTTP_SLOWEST);
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
    const struct http_spec *spec = &request->http->spec;
    if (spec->answered)
        spec->answered(spec->ctx, request, code, request->stream || request->wire);
    request->response = response;
    request->code = code;
    if (type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    bool cached = !type;
    for (size_t i = 0; i < request->header_count; i++) {
        cached |= str_eq(request->names[i], MHD_HTTP_HEADER_CACHE_CONTROL);
        MHD_add_response_header(response, request->names[i], request->values[i]);
    }
    if (!cached)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache, private");
    http_resume(request);
}

void http_answer_header(struct http_request *request, const char *name, const char *value)
{
    if (request->header_count == HTTP_MAX_HEADERS)
        return;
    request->names[request->header_count] = xstrdup(name);
    request->values[request->header_count++] = xstrdup(value);
}

void http_answer_subject(struct http_request *request, const char *name)
{
    free(request->subject);
    request->subject = name ? xstrdup(name) : NULL;
}

const char *http_subject(const struct http_request *request)
{
    return request->subject;
}

const char *http_answer_text(const struct http_request *request, size_t *ret_len)
{
    *ret_len = request->answer_text_len;
    return request->answer_text ? request->answer_text : "";
}

void http_answer_note(struct http_request *request, const char *key, const char *text)
{
    free(request->note_key);
    free(request->note);
    request->note_key = xstrdup(key);
    request->note = xstrdup(text);
}

const char *http_note(const struct http_request *request, const char **ret_key)
{
    *ret_key = request->note_key;
    return request->note;
}

void http_close_after(struct http_request *request)
{
    request->close = true;
}

/* Who takes a big answer slowly, or not at all, makes way for others, the oldest request first. */
static void make_room(struct http *http, size_t len)
{
    struct list *it, *tmp;
    list_each(it, tmp, &http->requests)
    {
        struct http_request *request = container_of(it, struct http_request, link);
        if (http->answer_bytes + len <= HTTP_MAX_ANSWERS || WEAKENED(HTTP_ANSWERS_CAP))
            return;
        if (request->answer_len <= HTTP_FAIR_ANSWER || !request->conn)
            continue;
        http->answer_bytes -= request->answer_len;
        request->answer_len = 0;
        request->cut = true;
        http_conn_cut(request->conn);
    }
}

void http_answer_buf(struct http_request *request, int code, const char *type, struct buf *body)
{
    size_t len;
    char *bytes = buf_steal(body, &len);
    if (len > HTTP_FAIR_ANSWER)
        make_room(request->http, len);
    request->answer_len = len;
    request->http->answer_bytes += len;
    request->answer_text = bytes;
    request->answer_text_len = len;
    answer_with(request, code, type,
                MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE));
    request->answer_text = NULL;
    request->answer_text_len = 0;
    http_body_drop(request);
    request->answered = true;
    http_release(request);
}

void http_answer_file(struct http_request *request, int code, const char *type, int fd,
                      uint64_t offset, uint64_t len)
{
    request->file_len = len;
    struct MHD_Response *response =
        len > 0 ? MHD_create_response_from_fd_at_offset64(len, fd, offset)
                : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (len == 0)
        close(fd);
    answer_with(request, code, type, response);
    http_body_drop(request);
    request->answered = true;
    http_release(request);
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
    (void)pos;
    if (request->stream->aborted || request->cut)
        return cut_stream(request, data);
    size_t n = http_stream_take(request, data, max);
    if (n > 0)
        return (ssize_t)n;
    if (request->stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    request->suspended = true;
    MHD_suspend_connection(request->mhd);
    return 0;
}

void http_stream_begin(struct http_request *request, int code, const char *type,
                       const struct http_stream_handler *handler, void *ctx)
{
    request->stream = http_stream_new(request->http, handler, ctx);
    http_body_drop(request);
    answer_with(
        request, code, type,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, request, NULL));
    http_stream_watch(request);
}

/* ---- other protocols ---- */

static void on_upgrade(void *cls, struct MHD_Connection *mhd, void *con_cls, const char *extra,
                       size_t len, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    struct http_request *request = cls;
    (void)mhd;
    (void)con_cls;
    request->upgraded = handle;
    loop_timer_stop(request->conn->deadline);
    if (request->http->closing)
        http_give_back(request);
    else
        http_wire_open(request->wire, fd, extra, len);
}

void http_answer_upgrade(struct http_request *request)
{
    http_body_drop(request);
    screen_upgrade(request->conn->screen);
    answer_with(request, MHD_HTTP_SWITCHING_PROTOCOLS, NULL,
                MHD_create_response_for_upgrade(on_upgrade, request));
}

void http_give_back(struct http_request *request)
{
    if (!request->upgraded)
        return;
    MHD_upgrade_action(steal(request->upgraded), MHD_UPGRADE_ACTION_CLOSE);
    http_run_soon(request->http);
}

/* ---- what libmicrohttpd calls ---- */

static enum MHD_Result refuse(struct http_request *request, int code, const char *message)
{
    request->close = true;
    request->given = true;
    request->http->spec.refuse(request->http->spec.ctx, request, code, message);
    return queue_answer(request);
}

static int refusal_of(const struct http_request *request, const char **ret_message)
{
    int code = screen_refusal(request->conn->screen, request->nth, ret_message);
    if (code || !request->refused)
        return code;
    *ret_message = request->refused == 413 ? "the request body is larger than 1 MiB"
                                           : "too many requests at once: try again";
    return request->refused;
}

static enum MHD_Result start(struct http_request *request, const char *method)
{
    const char *message;
    request->started = true;
    request->method = xstrdup(method);
    request->since = loop_now(request->http->loop);
    request->nth = request->conn->requests++;
    request->conn->current = request;
    http_conn_deadline(request->conn, HTTP_BODY_S);
    int code = refusal_of(request, &message);
    if (code)
        return refuse(request, code, message);
    if (request->http->spec.admit(request->http->spec.ctx, request))
        return MHD_YES;
    request->given = request->close = true;
    return queue_answer(request);
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
        return http_body_take(request, data, len) ? MHD_YES : MHD_NO;
    }
    if (request->given)
        return queue_answer(request);
    const char *message;
    int code = refusal_of(request, &message);
    if (code)
        return refuse(request, code, message);
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
    struct http_conn *conn = request->conn;
    if (conn) {
        conn->current = NULL;
        loop_io_free(steal(conn->hangup));
        http_conn_deadline(conn, HTTP_IDLE_S);
    }
    request->conn = NULL;
    request->mhd = NULL;
    http_stream_left(request);
    if (request->wire)
        http_wire_left(request->wire);
    http_release(request);
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
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE, 0,
        NULL, NULL, on_access, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, http, MHD_OPTION_CONNECTION_LIMIT,
        http->spec.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_STALL_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY,
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
        if (request->wire)
            http_wire_drop(request->wire);
        http_give_back(request);
        http_resume(request);
    }
    MHD_run(http->mhd);
    MHD_run(http->mhd); /* for those that were upgraded in the first */
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

int64_t http_since(const struct http_request *request)
{
    return request->since;
}

void http_each(const struct http *http, http_each_fn *fn, void *ctx)
{
    struct list *it, *tmp;
    list_each(it, tmp, &http->requests)
    {
        const struct http_request *request = container_of(it, struct http_request, link);
        if (request->given && !request->answered)
            fn(ctx, request, request->stream || request->wire);
    }
}

const char *http_target(const struct http_request *request)
{
    return request->target;
}

const char *http_header(const struct http_request *request, const char *name)
{
    return request->mhd ? MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name) : NULL;
}

struct each_header {
    http_header_fn *fn;
    void *ctx;
};

static enum MHD_Result on_header(void *ctx, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    const struct each_header *each = ctx;
    (void)kind;
    each->fn(each->ctx, name, value);
    return MHD_YES;
}

void http_each_header(const struct http_request *request, http_header_fn *fn, void *ctx)
{
    struct each_header each = {fn, ctx};
    if (request->mhd)
        MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, on_header, &each);
}

struct each_named {
    const char *name;
    void (*fn)(void *ctx, const char *value);
    void *ctx;
};

static void on_named(void *ctx, const char *name, const char *value)
{
    const struct each_named *each = ctx;
    if (value && strcasecmp(name, each->name) == 0)
        each->fn(each->ctx, value);
}

void http_each_value(const struct http_request *request, const char *name,
                     void (*fn)(void *ctx, const char *value), void *ctx)
{
    struct each_named each = {name, fn, ctx};
    http_each_header(request, on_named, &each);
}

const struct http_peer *http_peer(const struct http_request *request)
{
    static const struct http_peer nobody;
    return request->conn ? &request->conn->peer : &nobody;
}

void http_attach(struct http_request *request, void *thing, void (*free_it)(void *thing))
{
    request->attached = thing;
    request->free_attached = free_it;
}

void *http_attached(const struct http_request *request)
{
    return request->attached;
}
