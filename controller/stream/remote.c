/* exec and attach: between a client's channels and a session with a pod. */

#include "controller/stream/remote_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/status.h"
#include "controller/server/reply.h"

#include <stdio.h>

/* ---- the end ---- */

static void end_session(struct remote *remote)
{
    struct pod_session *session = steal(remote->session);
    if (session)
        session->ops->close(session);
}

static void remote_free(struct stream *stream)
{
    struct remote *remote = container_of(stream, struct remote, stream);
    transport_done(&remote->transport);
    remote->dialect->done(remote);
    loop_timer_free(remote->deadline);
    free(remote);
}

static void bury(struct remote *remote)
{
    end_session(remote);
    remote->finished = true;
    stream_bury(&remote->stream);
}

void remote_break(struct remote *remote)
{
    end_session(remote);
    remote->finished = true;
    transport_cut(&remote->transport); /* over follows */
}

static void remote_stop(struct stream *stream, struct value *status)
{
    struct remote *remote = container_of(stream, struct remote, stream);
    if (remote->request)
        reply_status(steal(remote->request), status);
    else
        value_free(status);
    bury(remote); /* the transport goes with it */
}

/* ---- how it ended, in words ---- */

static struct value *exit_status(int exit_code)
{
    char number[16], message[64];
    snprintf(number, sizeof(number), "%d", exit_code);
    snprintf(message, sizeof(message), "command terminated with exit code %s", number);
    struct value *status = value_new_map();
    value_set_str(status, "kind", "Status");
    value_set_str(status, "apiVersion", "v1");
    value_set(status, "metadata", value_new_map());
    value_set_str(status, "status", exit_code ? "Failure" : "Success");
    if (!exit_code)
        return status;
    value_set_str(status, "message", message);
    value_set_str(status, "reason", "NonZeroExitCode");
    struct value *causes =
        value_set(value_make_map(status, "details", NULL), "causes", value_new_list());
    struct value *cause = value_new_map();
    value_set_str(cause, "reason", "ExitCode");
    value_set_str(cause, "message", number);
    value_append(causes, cause);
    return status;
}

/* The last word in the client's protocol. */
static void write_end(const struct remote *remote, const struct pod_end *end, struct buf *ret)
{
    cleanup(value_free) struct value *status =
        end->code ? status_failure(end->code, "%s", end->message ? end->message : "cut off")
                  : exit_status(end->exit_code);
    if (remote->stream.handshake.protocol->status)
        (void)json_write(status, ret);
    else if (end->code || end->exit_code)
        (void)buf_addstr(ret, value_get_str(status, "message"));
}

/* ---- from the pod ---- */

static size_t transport_data(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct remote *remote = ctx;
    return remote->dialect->input(remote, data, len, first, last);
}

static void transport_sent(void *ctx)
{
    remote_credit(ctx);
}

static void transport_over(void *ctx)
{
    bury(ctx);
}

static void transport_pong(void *ctx)
{
    struct remote *remote = ctx;
    remote->dialect->pong(remote);
}

static void session_opened(void *ctx)
{
    static const struct transport_handler handler = {transport_data, transport_sent, transport_over,
                                                     transport_pong};
    struct remote *remote = ctx;
    if (remote->open)
        return;
    handshake_answer(remote->request, &remote->stream.handshake);
    remote->open = true;
    transport_open(&remote->transport, stream_loop(&remote->stream), steal(remote->request),
                   protocol_form(remote->stream.handshake.protocol), &handler, remote);
    remote->dialect->begin(remote);
}

static void session_data(void *ctx, enum pod_channel channel, const void *data, size_t len)
{
    struct remote *remote = ctx;
    session_opened(remote); /* a node that has something to say has begun */
    remote->unacked += len;
    if (remote->wants[channel] && channel != POD_STDIN)
        remote->dialect->output(remote, channel, data, len);
    else
        remote_credit(remote);
}

static void session_eof(void *ctx, enum pod_channel channel)
{
    struct remote *remote = ctx;
    session_opened(remote);
    remote->dialect->eof(remote, channel);
}

static void try_resize(struct remote *remote)
{
    struct pod_session *session = remote->session;
    size_t len = strlen(remote->resize);
    if (session && len > 0 && session->ops->send(session, POD_RESIZE, remote->resize, len) == len)
        *remote->resize = '\0';
}

static void session_room(void *ctx)
{
    struct remote *remote = ctx;
    try_resize(remote);
    transport_more(&remote->transport);
}

static void session_end(void *ctx, const struct pod_end *end)
{
    static const struct pod_end early = {500, 0, "the stream ended before it began"};
    struct remote *remote = ctx;
    remote->session = NULL;
    if (!remote->open) {
        const struct pod_end *why = end->code ? end : &early;
        reply_status(steal(remote->request), status_failure(why->code, "%s", why->message));
        bury(remote);
        return;
    }
    cleanup(buf_done) struct buf text = {0};
    write_end(remote, end, &text);
    remote->finished = true;
    remote->dialect->finish(remote, buf_str(&text));
    transport_more(&remote->transport);
}

void remote_credit(struct remote *remote)
{
    size_t waiting = transport_pending(&remote->transport) + remote->dialect->held(remote);
    size_t taken = stream_taken(&remote->unacked, waiting);
    if (taken > 0 && remote->session)
        remote->session->ops->took(remote->session, taken);
}

/* ---- from the client ---- */

/* {"Width":80,"Height":24}, checked, and written as sessions want it. */
static void take_size(struct remote *remote)
{
    cleanup(value_free) struct value *size = NULL;
    struct err err = {0};
    if (json_parse(remote->size, remote->size_len, &size, &err) != 0)
        return;
    int64_t width = value_get_int(size, "Width", 0), height = value_get_int(size, "Height", 0);
    if (width < 1 || width > UINT16_MAX || height < 1 || height > UINT16_MAX)
        return;
    snprintf(remote->resize, sizeof(remote->resize), "{\"Width\":%d,\"Height\":%d}\n", (int)width,
             (int)height);
    try_resize(remote);
}

/* Documents in a row; one that is too long is none. */
static void input_size(struct remote *remote, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (remote->size_len == REMOTE_SIZE)
            remote->size_len = 0;
        remote->size[remote->size_len++] = data[i];
        if (data[i] != '}')
            continue;
        take_size(remote);
        remote->size_len = 0;
    }
}

size_t remote_input(struct remote *remote, enum pod_channel channel, const void *data, size_t len)
{
    struct pod_session *session = remote->session;
    if (!session || !remote->wants[channel] || len == 0)
        return len;
    if (channel == POD_RESIZE)
        input_size(remote, data, len);
    if (channel != POD_STDIN || remote->input_over)
        return len;
    return session->ops->send(session, POD_STDIN, data, len);
}

void remote_input_eof(struct remote *remote)
{
    if (remote->session && remote->wants[POD_STDIN] && !remote->input_over)
        remote->session->ops->eof(remote->session, POD_STDIN);
    remote->input_over = true;
}

/* ---- the beginning ---- */

static const struct pod_session_handler session_handler = {session_opened, session_data,
                                                           session_eof, session_room, session_end};

void remote_start(struct streams *streams, struct http_request *request,
                  const struct stream_ask *ask, const struct handshake *handshake)
{
    static const struct stream_ops ops = {remote_stop, remote_free};
    struct remote *remote = xcalloc(1, sizeof(*remote));
    struct err err = {0};
    stream_begin(streams, &remote->stream, &ops, ask->user, handshake);
    remote->dialect =
        handshake->protocol->framing == FRAMING_SPDY ? &remote_spdy : &remote_websocket;
    remote->request = request;
    remote->wants[POD_STDIN] = ask->dial.stdin_open;
    remote->wants[POD_STDOUT] = ask->dial.stdout_open;
    remote->wants[POD_STDERR] = ask->dial.stderr_open;
    remote->wants[POD_RESIZE] = ask->dial.tty;
    remote->wants[POD_STATUS] = true;
    int code =
        stream_dial(&remote->stream, &ask->dial, &session_handler, remote, &remote->session, &err);
    if (code)
        remote_stop(&remote->stream, status_failure(code, "%s", err.msg));
}
