/* port-forward: a client's connections to ports of a pod, each a session of its own. */

#include "controller/stream/forward_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>

/* ---- one connection ---- */

struct connection *connection_new(struct forward *forward, uint16_t port)
{
    if (forward->count == FORWARD_MAX)
        return NULL;
    struct connection *connection = xcalloc(1, sizeof(*connection));
    connection->forward = forward;
    connection->port = port;
    list_append(&forward->connections, &connection->link);
    forward->count++;
    return connection;
}

void connection_drop(struct connection *connection)
{
    struct pod_session *session = steal(connection->session);
    if (session)
        session->ops->close(session);
    list_remove(&connection->link);
    connection->forward->count--;
    loop_timer_free(connection->deadline);
    free(connection);
}

void connection_end(struct connection *connection, const char *why)
{
    connection->forward->dialect->finish(connection, why);
    connection_drop(connection);
}

static void session_opened(void *ctx)
{
    struct connection *connection = ctx;
    connection->open = true;
    if (connection->input_over)
        connection->session->ops->eof(connection->session, POD_STDIN);
    transport_more(&connection->forward->transport);
}

static void session_data(void *ctx, enum pod_channel channel, const void *data, size_t len)
{
    struct connection *connection = ctx;
    (void)channel;
    connection->unacked += len;
    connection->forward->dialect->output(connection, data, len);
}

static void session_eof(void *ctx, enum pod_channel channel)
{
    struct connection *connection = ctx;
    (void)channel;
    connection->forward->dialect->eof(connection);
}

static void session_room(void *ctx)
{
    struct connection *connection = ctx;
    transport_more(&connection->forward->transport);
}

static void session_end(void *ctx, const struct pod_end *end)
{
    struct connection *connection = ctx;
    struct forward *forward = connection->forward;
    char why[512];
    connection->session = NULL;
    snprintf(why, sizeof(why), "error forwarding port %u to pod %s/%s: %s", connection->port,
             forward->ns, forward->pod, end->message ? end->message : "cut off");
    connection_end(connection, end->code ? why : NULL);
    transport_more(&forward->transport); /* what was held back for it is read over */
}

void connection_dial(struct connection *connection)
{
    static const struct pod_session_handler handler = {session_opened, session_data, session_eof,
                                                       session_room, session_end};
    struct forward *forward = connection->forward;
    struct err err = {0};
    const struct pod_dial dial = {.what = "portforward",
                                  .ns = forward->ns,
                                  .pod = forward->pod,
                                  .uid = forward->uid,
                                  .node = forward->node,
                                  .stdin_open = true,
                                  .stdout_open = true,
                                  .port = connection->port};
    if (stream_dial(&forward->stream, &dial, &handler, connection, &connection->session, &err) != 0)
        connection_end(connection, err.msg);
}

size_t connection_input(struct connection *connection, const void *data, size_t len)
{
    struct pod_session *session = connection->session;
    if (!session || len == 0)
        return len;
    return connection->open ? session->ops->send(session, POD_STDIN, data, len) : 0;
}

void connection_input_eof(struct connection *connection)
{
    struct pod_session *session = connection->session;
    if (session && connection->open && !connection->input_over)
        session->ops->eof(session, POD_STDIN);
    connection->input_over = true; /* told when it is open */
}

/* ---- the whole ---- */

static void drop_all(struct forward *forward)
{
    struct list *it, *tmp;
    forward->stopped = true;
    list_each(it, tmp, &forward->connections)
        connection_drop(container_of(it, struct connection, link));
}

static void forward_free(struct stream *stream)
{
    struct forward *forward = container_of(stream, struct forward, stream);
    transport_done(&forward->transport);
    forward->dialect->done(forward);
    free(forward->ns);
    free(forward->pod);
    free(forward->uid);
    free(forward->node);
    free(forward);
}

static void forward_stop(struct stream *stream, struct value *status)
{
    struct forward *forward = container_of(stream, struct forward, stream);
    value_free(status); /* 101 was its answer */
    drop_all(forward);
    stream_bury(stream);
}

void forward_break(struct forward *forward)
{
    forward->stopped = true;
    transport_cut(&forward->transport); /* over follows */
}

static size_t transport_data(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct forward *forward = ctx;
    if (forward->stopped)
        return len;
    return forward->dialect->input(forward, data, len, first, last);
}

static void transport_sent(void *ctx)
{
    struct forward *forward = ctx;
    struct list *it, *tmp;
    size_t waiting = transport_pending(&forward->transport);
    list_each(it, tmp, &forward->connections)
    {
        struct connection *connection = container_of(it, struct connection, link);
        size_t taken = stream_taken(&connection->unacked, waiting);
        if (taken > 0 && connection->session)
            connection->session->ops->took(connection->session, taken);
    }
}

static void transport_over(void *ctx)
{
    struct forward *forward = ctx;
    drop_all(forward);
    stream_bury(&forward->stream);
}

void forward_start(struct streams *streams, struct http_request *request,
                   const struct stream_ask *ask, const struct handshake *handshake)
{
    static const struct stream_ops ops = {forward_stop, forward_free};
    static const struct transport_handler handler = {transport_data, transport_sent,
                                                     transport_over};
    const struct protocol *protocol = handshake->protocol;
    bool spdy = protocol->framing == FRAMING_SPDY || protocol->tunnel;
    struct forward *forward = xcalloc(1, sizeof(*forward));
    list_init(&forward->connections);
    stream_begin(streams, &forward->stream, &ops, ask->user, handshake);
    forward->dialect = spdy ? &forward_spdy : &forward_websocket;
    forward->ns = xstrdup(ask->dial.ns);
    forward->pod = xstrdup(ask->dial.pod);
    forward->uid = xstrdup(ask->dial.uid);
    forward->node = xstrdup(ask->dial.node);
    for (size_t i = 0; i < ask->port_count && i < STREAM_MAX_PORTS; i++)
        forward->ports[forward->port_count++] = ask->ports[i];
    handshake_answer(request, handshake);
    transport_open(&forward->transport, stream_loop(&forward->stream), request,
                   protocol_form(protocol), &handler, forward);
    forward->dialect->begin(forward);
}
