/* port-forward as streams of SPDY, two a connection: one for what is said of it, one for its bytes.
 * Either may come first; "requestid" pairs them. */

#include "controller/stream/forward_impl.h"

#include "common/base/str.h"

#include <stdio.h>

#define PAIR_S 30 /* for the second stream, as in Kubernetes */

static struct connection *by_stream(struct forward *forward, uint32_t id)
{
    struct list *it, *tmp;
    list_each(it, tmp, &forward->connections)
    {
        struct connection *connection = container_of(it, struct connection, link);
        if (connection->data_id == id || connection->error_id == id)
            return connection;
    }
    return NULL;
}

static struct connection *by_request(struct forward *forward, const char *id)
{
    struct list *it, *tmp;
    list_each(it, tmp, &forward->connections)
    {
        struct connection *connection = container_of(it, struct connection, link);
        if (str_eq(connection->id, id))
            return connection;
    }
    return NULL;
}

static void on_deadline(void *ctx)
{
    connection_end(ctx, "the other stream of the connection was not opened");
}

static struct connection *new_pair(struct forward *forward, uint16_t port, const char *request)
{
    struct connection *connection = connection_new(forward, port);
    if (!connection)
        return NULL;
    snprintf(connection->id, sizeof(connection->id), "%s", request);
    connection->deadline = loop_timer_new(stream_loop(&forward->stream), on_deadline, connection);
    loop_timer_after(connection->deadline, PAIR_S * NS_PER_S);
    return connection;
}

/* ---- the client ---- */

static bool on_open(void *ctx, uint32_t id, const struct spdy_headers *headers)
{
    struct forward *forward = ctx;
    const char *type = spdy_header(headers, "streamtype"), *port = spdy_header(headers, "port");
    const char *request = spdy_header(headers, "requestid");
    bool data = str_eq(type, "data");
    char own[FORWARD_ID];
    uint64_t number;
    if ((!data && !str_eq(type, "error")) || !port || str_to_u64(port, &number) != 0 ||
        number < 1 || number > UINT16_MAX)
        return false;
    if (!request) { /* older clients: the error stream comes right before its data stream */
        snprintf(own, sizeof(own), "%u", data ? id - 2 : id);
        request = own;
    }
    if (!*request || strlen(request) >= FORWARD_ID)
        return false;
    struct connection *connection = by_request(forward, request);
    if (!connection)
        connection = new_pair(forward, (uint16_t)number, request);
    uint32_t *place = !connection ? NULL : data ? &connection->data_id : &connection->error_id;
    if (!place || *place || connection->port != number)
        return false;
    *place = id;
    return true;
}

/* Both are there, and the client knows: the dial may end it at once. */
static void dial_pairs(struct forward *forward)
{
    struct list *it, *tmp;
    list_each(it, tmp, &forward->connections)
    {
        struct connection *connection = container_of(it, struct connection, link);
        if (!connection->deadline || !connection->data_id || !connection->error_id)
            continue;
        loop_timer_free(steal(connection->deadline));
        connection_dial(connection);
    }
}

static size_t on_data(void *ctx, uint32_t id, const uint8_t *data, size_t len, bool fin)
{
    struct forward *forward = ctx;
    dial_pairs(forward);
    struct connection *connection = by_stream(forward, id);
    if (!connection || connection->data_id != id)
        return len; /* the error stream is ours alone */
    size_t taken = connection_input(connection, data, len);
    if (fin && taken == len)
        connection_input_eof(connection);
    return taken;
}

static void on_reset(void *ctx, uint32_t id)
{
    struct forward *forward = ctx;
    struct connection *connection = by_stream(forward, id);
    if (connection && connection->data_id == id)
        connection_end(connection, NULL);
}

/* ---- the dialect ---- */

static void begin(struct forward *forward)
{
    static const struct mux_handler handler = {on_open, on_data, on_reset};
    mux_init(&forward->mux, &forward->transport, (size_t)2 * FORWARD_MAX, &handler, forward);
}

static size_t input(struct forward *forward, const uint8_t *data, size_t len, bool first, bool last)
{
    size_t used;
    (void)first;
    (void)last;
    if (mux_read(&forward->mux, data, len, &used) != 0) {
        forward_break(forward);
        return len;
    }
    dial_pairs(forward);
    return used;
}

static void output(struct connection *connection, const void *data, size_t len)
{
    mux_send(&connection->forward->mux, connection->data_id, data, len);
}

static void eof(struct connection *connection)
{
    mux_fin(&connection->forward->mux, connection->data_id);
}

static void finish(struct connection *connection, const char *why)
{
    struct mux *mux = &connection->forward->mux;
    if (why)
        mux_send(mux, connection->error_id, why, strlen(why));
    mux_fin(mux, connection->error_id);
    mux_fin(mux, connection->data_id);
    mux_forget(mux, connection->error_id);
    mux_forget(mux, connection->data_id);
}

static void done(struct forward *forward)
{
    mux_done(&forward->mux);
}

const struct forward_dialect forward_spdy = {begin, input, output, eof, finish, done};
