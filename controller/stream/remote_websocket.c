/* exec and attach in messages of WebSocket, whose first byte is the channel. */

#include "controller/stream/remote_impl.h"

#include <string.h>

#define CLOSE_CHANNEL 255 /* what follows is the channel that ends */

/* An empty message tells the client that it is through, on the first channel that has one. None
 * that speaks v5 waits for it, and kubectl, which makes its channels while it reads already, now
 * and then complains of it ("Unknown stream id 1"). */
static void begin(struct remote *remote)
{
    uint8_t channel = remote->wants[POD_STDOUT]   ? POD_STDOUT
                      : remote->wants[POD_STDERR] ? POD_STDERR
                                                  : POD_STATUS;
    remote->channel = -1;
    if (!remote->stream.handshake.protocol->halves)
        transport_write(&remote->transport, &channel, 1, NULL, 0);
}

static size_t input(struct remote *remote, const uint8_t *data, size_t len, bool first, bool last)
{
    size_t head = 0;
    (void)last;
    if (first)
        remote->channel = -1;
    if (remote->channel < 0 && len > 0) {
        remote->channel = *data;
        head = 1;
    }
    if (remote->channel == CLOSE_CHANNEL && len > head) {
        if (data[head] == POD_STDIN && remote->stream.handshake.protocol->halves)
            remote_input_eof(remote);
        return len;
    }
    if (remote->channel < 0 || remote->channel >= POD_CHANNELS)
        return len;
    return head + remote_input(remote, (enum pod_channel)remote->channel, data + head, len - head);
}

static void output(struct remote *remote, enum pod_channel channel, const void *data, size_t len)
{
    uint8_t head = (uint8_t)channel;
    transport_write(&remote->transport, &head, 1, data, len);
}

static void eof(struct remote *remote, enum pod_channel channel)
{
    (void)remote;
    (void)channel; /* there is no word for it */
}

static void finish(struct remote *remote, const char *text)
{
    if (*text)
        output(remote, POD_STATUS, text, strlen(text));
    transport_close(&remote->transport, WS_NORMAL);
}

static size_t held(const struct remote *remote)
{
    (void)remote;
    return 0;
}

static void done(struct remote *remote)
{
    (void)remote;
}

const struct remote_dialect remote_websocket = {begin, input, output, eof, finish, held, done};
