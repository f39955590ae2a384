/* exec and attach as streams of SPDY, which the client opens one by one. */

#include "controller/stream/remote_impl.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

#define OPEN_S 30 /* for the client to open what it asked for, as in Kubernetes */
#define MAX_STREAMS 8

static const char *const names[POD_CHANNELS] = {"stdin", "stdout", "stderr", "error", "resize"};

static struct remote *remote_of(void *ctx)
{
    return ctx;
}

static struct remote_channel *channel_of(struct remote *remote, uint32_t id)
{
    for (size_t i = 0; i < POD_CHANNELS; i++)
        if (remote->channels[i].id == id)
            return &remote->channels[i];
    return NULL;
}

/* Whether all that is to be said has a stream to be said on. */
static bool all_open(const struct remote *remote)
{
    for (size_t i = 0; i < POD_CHANNELS; i++)
        if (!remote->channels[i].id && remote->wants[i] && i != POD_RESIZE)
            return false;
    return true;
}

/* What was held for streams goes out; the end of all closes the transport. Nothing goes before all
 * are open: kubectl reads no stream until then, and its reader, full of what it may not hand on,
 * would never come to the answer to the last one. */
static void flush(struct remote *remote)
{
    if (!all_open(remote) && !WEAKENED(SPDY_ALL_OPEN))
        return;
    for (size_t i = 0; i < POD_CHANNELS; i++) {
        struct remote_channel *channel = &remote->channels[i];
        if (!channel->id)
            continue;
        mux_send(&remote->mux, channel->id, channel->held.data, channel->held.len);
        buf_done(&channel->held);
        if (channel->eof)
            mux_fin(&remote->mux, channel->id);
    }
    loop_timer_stop(remote->deadline);
    if (remote->finished)
        transport_close(&remote->transport, WS_NORMAL);
}

/* ---- the client ---- */

static bool on_open(void *ctx, uint32_t id, const struct spdy_headers *headers)
{
    struct remote *remote = remote_of(ctx);
    const char *type = spdy_header(headers, "streamtype");
    for (size_t i = 0; i < POD_CHANNELS; i++) {
        if (!str_eq(type, names[i]) || remote->channels[i].id)
            continue;
        remote->channels[i].id = id;
        return true;
    }
    return false;
}

static size_t on_data(void *ctx, uint32_t id, const uint8_t *data, size_t len, bool fin)
{
    struct remote *remote = remote_of(ctx);
    const struct remote_channel *channel = channel_of(remote, id);
    enum pod_channel which = (enum pod_channel)(channel ? channel - remote->channels : POD_STATUS);
    size_t taken = remote_input(remote, which, data, len);
    if (which == POD_STDIN && fin && taken == len)
        remote_input_eof(remote);
    return taken;
}

static void on_reset(void *ctx, uint32_t id)
{
    struct remote *remote = remote_of(ctx);
    if (channel_of(remote, id) == &remote->channels[POD_STDIN])
        remote_input_eof(remote);
}

static void on_deadline(void *ctx)
{
    remote_break(ctx);
}

/* ---- the dialect ---- */

static void begin(struct remote *remote)
{
    static const struct mux_handler handler = {on_open, on_data, on_reset};
    mux_init(&remote->mux, &remote->transport, MAX_STREAMS, &handler, remote);
    remote->deadline = loop_timer_new(stream_loop(&remote->stream), on_deadline, remote);
    loop_timer_after(remote->deadline, OPEN_S * NS_PER_S);
}

static size_t input(struct remote *remote, const uint8_t *data, size_t len, bool first, bool last)
{
    size_t used;
    uint32_t before = remote->mux.last;
    (void)first;
    (void)last;
    if (mux_read(&remote->mux, data, len, &used) != 0) {
        remote_break(remote);
        return len;
    }
    if (remote->mux.last != before) {
        flush(remote);
        remote_credit(remote);
    }
    return used;
}

static void output(struct remote *remote, enum pod_channel channel, const void *data, size_t len)
{
    (void)buf_add(&remote->channels[channel].held, data, len);
    flush(remote);
}

static void eof(struct remote *remote, enum pod_channel channel)
{
    remote->channels[channel].eof = true;
    flush(remote);
}

static void finish(struct remote *remote, const char *text)
{
    (void)buf_addstr(&remote->channels[POD_STATUS].held, text);
    for (size_t i = 0; i < POD_CHANNELS; i++)
        remote->channels[i].eof = true;
    flush(remote);
}

static size_t held(const struct remote *remote)
{
    return remote->channels[POD_STDOUT].held.len + remote->channels[POD_STDERR].held.len;
}

static void done(struct remote *remote)
{
    for (size_t i = 0; i < POD_CHANNELS; i++)
        buf_done(&remote->channels[i].held);
    mux_done(&remote->mux);
}

static void pong(struct remote *remote)
{
    (void)remote; /* its streams say when they are there */
}

const struct remote_dialect remote_spdy = {begin, input, output, eof, finish, held, done, pong};
