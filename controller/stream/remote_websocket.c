/* exec and attach in messages of WebSocket, whose first byte is the channel.
 *
 * kubectl up to 1.33 reads while it makes its channels still, and throws away what comes for one
 * that is not there yet ("Unknown stream id 1, discarding message"; kubernetes/kubernetes#131189).
 * To a client of v5, the protocol that it speaks, nothing is said before it has answered two pings
 * and some milliseconds have passed, or it has said something itself, which it does when it is
 * ready. */

#include "controller/stream/remote_impl.h"

#include "common/base/weaken.h"

#include <string.h>

#define READY_PONGS 2
#define READY_NS (10 * NS_PER_MS)
#define READY_MAX_NS NS_PER_S /* for one that answers no pings */
#define CLOSE_CHANNEL 255     /* what follows is the channel that ends */

static void say(struct remote *remote, enum pod_channel channel, const void *data, size_t len)
{
    uint8_t head = (uint8_t)channel;
    transport_write(&remote->transport, &head, 1, data, len);
}

/* What was held goes out; the last word is the last of them. */
static void be_ready(struct remote *remote)
{
    static const enum pod_channel order[] = {POD_STDOUT, POD_STDERR, POD_STATUS};
    remote->pongs = 0;
    loop_timer_stop(remote->deadline);
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        struct buf *held = &remote->channels[order[i]].held;
        if (held->len > 0)
            say(remote, order[i], held->data, held->len);
        buf_done(held);
    }
    if (remote->finished)
        transport_close(&remote->transport, WS_NORMAL);
}

static void on_deadline(void *ctx)
{
    be_ready(ctx);
}

static void pong(struct remote *remote)
{
    int64_t left = remote->began + READY_NS - loop_now(stream_loop(&remote->stream));
    if (remote->pongs == 0)
        return;
    if (remote->pongs > 1) {
        remote->pongs--;
        transport_ping(&remote->transport);
    } else if (left > 0) {
        loop_timer_after(remote->deadline, left);
    } else {
        be_ready(remote);
    }
}

/* An empty message tells a client before v5 that it is through, on the first channel that has one.
 */
static void begin(struct remote *remote)
{
    uint8_t channel = remote->wants[POD_STDOUT]   ? POD_STDOUT
                      : remote->wants[POD_STDERR] ? POD_STDERR
                                                  : POD_STATUS;
    remote->channel = -1;
    remote->began = loop_now(stream_loop(&remote->stream));
    if (!remote->stream.handshake.protocol->halves) {
        transport_write(&remote->transport, &channel, 1, NULL, 0);
    } else if (!WEAKENED(WS_READY)) {
        remote->pongs = READY_PONGS;
        remote->deadline = loop_timer_new(stream_loop(&remote->stream), on_deadline, remote);
        loop_timer_after(remote->deadline, READY_MAX_NS);
        transport_ping(&remote->transport);
    }
}

static size_t input(struct remote *remote, const uint8_t *data, size_t len, bool first, bool last)
{
    size_t head = 0;
    (void)last;
    if (remote->pongs > 0)
        be_ready(remote);
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
    if (remote->pongs > 0)
        (void)buf_add(&remote->channels[channel].held, data, len);
    else
        say(remote, channel, data, len);
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
    if (remote->pongs == 0)
        transport_close(&remote->transport, WS_NORMAL);
}

static size_t held(const struct remote *remote)
{
    return remote->channels[POD_STDOUT].held.len + remote->channels[POD_STDERR].held.len;
}

static void done(struct remote *remote)
{
    for (size_t i = 0; i < POD_CHANNELS; i++)
        buf_done(&remote->channels[i].held);
}

const struct remote_dialect remote_websocket = {begin,  input, output, eof,
                                                finish, held,  done,   pong};
