/* port-forward in messages of WebSocket: of the i-th port of the URL channel 2i has the bytes and
 * 2i + 1 what is said of it. Each begins with the port, two bytes, the lower first. */

#include "controller/stream/forward_impl.h"

#include <string.h>

static void send_on(struct connection *connection, size_t channel, const void *data, size_t len)
{
    uint8_t head = (uint8_t)channel;
    transport_write(&connection->forward->transport, &head, 1, data, len);
}

static struct connection *by_index(struct forward *forward, size_t index)
{
    struct list *it, *tmp;
    list_each(it, tmp, &forward->connections)
    {
        struct connection *connection = container_of(it, struct connection, link);
        if (connection->index == index)
            return connection;
    }
    return NULL;
}

static void begin(struct forward *forward)
{
    struct list *it, *tmp;
    forward->channel = -1;
    for (size_t i = 0; i < forward->port_count; i++) {
        uint16_t port = forward->ports[i];
        const uint8_t number[] = {(uint8_t)port, (uint8_t)(port >> 8)};
        struct connection *connection = connection_new(forward, port);
        connection->index = i;
        send_on(connection, 2 * i, number, sizeof(number));
        send_on(connection, 2 * i + 1, number, sizeof(number));
    }
    list_each(it, tmp, &forward->connections)
        connection_dial(container_of(it, struct connection, link));
}

static size_t input(struct forward *forward, const uint8_t *data, size_t len, bool first, bool last)
{
    size_t head = 0;
    (void)last;
    if (first)
        forward->channel = -1;
    if (forward->channel < 0 && len > 0) {
        forward->channel = *data;
        head = 1;
    }
    struct connection *connection = forward->channel >= 0 && forward->channel % 2 == 0
                                        ? by_index(forward, (size_t)forward->channel / 2)
                                        : NULL;
    if (!connection)
        return len;
    return head + connection_input(connection, data + head, len - head);
}

static void output(struct connection *connection, const void *data, size_t len)
{
    send_on(connection, 2 * connection->index, data, len);
}

static void eof(struct connection *connection)
{
    (void)connection; /* there is no word for it: the client sees the end of the whole */
}

/* The last one closes the whole. */
static void finish(struct connection *connection, const char *why)
{
    struct forward *forward = connection->forward;
    if (why)
        send_on(connection, 2 * connection->index + 1, why, strlen(why));
    if (forward->count == 1)
        transport_close(&forward->transport, WS_NORMAL);
}

static void done(struct forward *forward)
{
    (void)forward;
}

const struct forward_dialect forward_websocket = {begin, input, output, eof, finish, done};
