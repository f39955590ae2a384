#include "controller/stream/mux.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>

void mux_init(struct mux *mux, struct transport *transport, size_t max,
              const struct mux_handler *handler, void *ctx)
{
    *mux = (struct mux){.transport = transport, .handler = handler, .ctx = ctx, .max = max};
    mux->streams = xcalloc(max, sizeof(*mux->streams));
}

void mux_done(struct mux *mux)
{
    spdy_done(&mux->reader);
    spdy_unpacker_free(mux->unpacker);
    free(mux->streams);
    *mux = (struct mux){0};
}

static struct mux_stream *find(const struct mux *mux, uint32_t id)
{
    for (size_t i = 0; i < mux->count; i++)
        if (mux->streams[i].id == id)
            return &mux->streams[i];
    return NULL;
}

void mux_forget(struct mux *mux, uint32_t id)
{
    struct mux_stream *stream = find(mux, id);
    if (stream)
        *stream = mux->streams[--mux->count];
}

/* ---- from the client ---- */

static void refuse(struct mux *mux, uint32_t id, enum spdy_status status)
{
    uint8_t frame[SPDY_SMALL];
    transport_reply(mux->transport, frame, spdy_rst(id, status, frame));
}

static bool open_stream(struct mux *mux, uint32_t id, bool fin, const struct spdy_headers *headers)
{
    uint8_t reply[SPDY_REPLY_MAX];
    if ((id % 2 == 0 || id <= mux->last) && !WEAKENED(SPDY_STREAM_IDS))
        return false; /* section 2.3.2: the connection is over */
    mux->last = id;
    if (mux->count == mux->max) {
        refuse(mux, id, SPDY_REFUSED_STREAM);
        return true;
    }
    mux->streams[mux->count++] = (struct mux_stream){.id = id, .client_done = fin};
    if (!mux->handler->open(mux->ctx, id, headers)) {
        mux_forget(mux, id);
        refuse(mux, id, SPDY_REFUSED_STREAM);
        return true;
    }
    transport_reply(mux->transport, reply, spdy_reply(id, !mux->replied, reply));
    mux->replied = true;
    if (fin)
        mux->handler->data(mux->ctx, id, NULL, 0, true);
    return true;
}

static bool on_headers(void *ctx, enum spdy_type type, uint32_t id, bool fin, const uint8_t *block,
                       size_t len)
{
    struct mux *mux = ctx;
    struct spdy_headers headers;
    if (!mux->unpacker)
        mux->unpacker = spdy_unpacker_new();
    if (spdy_unpack(mux->unpacker, block, len, &headers) != 0)
        return false;
    return type != SPDY_SYN_STREAM || open_stream(mux, id, fin, &headers);
}

static size_t on_data(void *ctx, uint32_t id, const uint8_t *data, size_t len, bool fin)
{
    struct mux *mux = ctx;
    struct mux_stream *stream = find(mux, id);
    if (!stream && id > mux->last)
        refuse(mux, id, SPDY_INVALID_STREAM);
    if (!stream || stream->client_done)
        return len; /* sent before it knew */
    size_t taken = mux->handler->data(mux->ctx, id, data, len, fin);
    stream = find(mux, id);
    if (stream && fin && taken == len) {
        stream->client_done = true;
        if (stream->server_done)
            mux_forget(mux, id);
    }
    return taken;
}

static void on_reset(void *ctx, uint32_t id, uint32_t status)
{
    struct mux *mux = ctx;
    (void)status;
    if (!find(mux, id))
        return;
    mux_forget(mux, id);
    mux->handler->reset(mux->ctx, id);
}

static void on_ping(void *ctx, uint32_t id)
{
    struct mux *mux = ctx;
    uint8_t frame[SPDY_SMALL];
    if (id % 2 == 1) /* even ones would answer ours */
        transport_reply(mux->transport, frame, spdy_ping(id, frame));
}

static void on_goaway(void *ctx)
{
    (void)ctx; /* the client closes when it has what it wants */
}

int mux_read(struct mux *mux, const void *data, size_t len, size_t *ret_used)
{
    static const struct spdy_handler handler = {on_headers, on_data, on_reset, on_ping, on_goaway};
    return spdy_read(&mux->reader, data, len, ret_used, &handler, mux);
}

/* ---- to the client ---- */

static void send_frame(struct mux *mux, uint32_t id, const void *data, size_t len, bool fin)
{
    uint8_t head[SPDY_HEAD];
    transport_write(mux->transport, head, spdy_data_head(id, len, fin, head), data, len);
}

void mux_send(struct mux *mux, uint32_t id, const void *data, size_t len)
{
    const struct mux_stream *stream = find(mux, id);
    if (stream && !stream->server_done && len > 0)
        send_frame(mux, id, data, len, false);
}

void mux_fin(struct mux *mux, uint32_t id)
{
    struct mux_stream *stream = find(mux, id);
    if (!stream || stream->server_done)
        return;
    stream->server_done = true;
    send_frame(mux, id, NULL, 0, true);
    if (stream->client_done)
        mux_forget(mux, id);
}
