#include "controller/stream/transport.h"

#include "common/base/cleanup.h"
#include "common/base/weaken.h"

#include <stdlib.h>

#define MAX_REPLIES ((size_t)16 * 1024)
#define BEAT_NS (20 * NS_PER_S)

/* ---- to the client ---- */

static void send_frame(struct transport *transport, enum ws_opcode opcode, const void *head,
                       size_t head_len, const void *data, size_t len)
{
    uint8_t frame[WS_HEAD_MAX];
    if (!transport->wire)
        return;
    if (transport->form)
        http_wire_write(transport->wire, frame, ws_head(opcode, head_len + len, frame));
    if (head_len > 0)
        http_wire_write(transport->wire, head, head_len);
    if (len > 0)
        http_wire_write(transport->wire, data, len);
    if (transport->form)
        http_wire_part(transport->wire);
}

static void send_coded(struct transport *transport, unsigned channel, const void *data, size_t len)
{
    cleanup(buf_done) struct buf text = {0};
    coded_write(channel, data, len, &text);
    send_frame(transport, WS_TEXT, NULL, 0, text.data, text.len);
}

void transport_write(struct transport *transport, const void *head, size_t head_len,
                     const void *data, size_t len)
{
    if (!transport->closing && transport->form == TRANSPORT_CODED)
        send_coded(transport, *(const uint8_t *)head, data, len);
    else if (!transport->closing)
        send_frame(transport, WS_BINARY, head, head_len, data, len);
}

void transport_ping(struct transport *transport)
{
    if (!transport->closing)
        send_frame(transport, WS_PING, NULL, 0, NULL, 0);
}

size_t transport_pending(const struct transport *transport)
{
    return transport->wire ? http_wire_pending(transport->wire) : 0;
}

static void count_reply(struct transport *transport, size_t len)
{
    transport->replies += len + WS_HEAD_MAX;
}

void transport_reply(struct transport *transport, const void *data, size_t len)
{
    transport_write(transport, data, len, NULL, 0);
    count_reply(transport, len);
}

/* ---- the end ---- */

/* The connection is closed as soon as all has gone. */
static void end(struct transport *transport)
{
    loop_timer_stop(transport->soon);
    http_wire_end(steal(transport->wire));
    transport->handler->over(transport->ctx);
}

static void send_close(struct transport *transport, enum ws_code code)
{
    const uint8_t payload[] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (transport->form)
        send_frame(transport, WS_CLOSE, payload, sizeof(payload), NULL, 0);
}

void transport_close(struct transport *transport, enum ws_code code)
{
    if (!transport->wire || transport->closing)
        return;
    send_close(transport, code);
    transport->closing = true;
    http_wire_more(transport->wire); /* to be read over */
    loop_timer_after(transport->soon, 0);
}

void transport_cut(struct transport *transport)
{
    if (!transport->wire)
        return;
    transport->closing = true;
    http_wire_cut(steal(transport->wire));
    loop_timer_after(transport->soon, 0);
}

/* ---- from the client ---- */

static size_t hand_on(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct transport *transport = ctx;
    if (transport->closing)
        return len;
    return transport->handler->data(transport->ctx, data, len, first, last);
}

static size_t on_data(void *ctx, const uint8_t *data, size_t len, bool first, bool last)
{
    struct transport *transport = ctx;
    if (transport->form != TRANSPORT_CODED)
        return hand_on(transport, data, len, first, last);
    if (transport->wrong)
        return len;
    return coded_read(&transport->coded, data, len, first, last, hand_on, transport,
                      &transport->wrong);
}

static void on_control(void *ctx, enum ws_opcode opcode, const uint8_t *data, size_t len)
{
    struct transport *transport = ctx;
    if (opcode == WS_CLOSE) {
        transport->peer_closed = true;
    } else if (opcode == WS_PING && !transport->closing) {
        send_frame(transport, WS_PONG, data, len, NULL, 0);
        count_reply(transport, len);
    } else if (opcode == WS_PONG && !transport->closing && transport->handler->pong) {
        transport->handler->pong(transport->ctx);
    }
}

static size_t read_messages(struct transport *transport, const void *data, size_t len)
{
    static const struct ws_handler handler = {on_data, on_control};
    size_t used;
    int code = ws_read(&transport->reader, data, len, &used, &handler, transport);
    if (!transport->wire)
        return len;
    if (transport->wrong && !WEAKENED(WS_BASE64))
        code = WS_PROTOCOL;
    if (code || transport->peer_closed) {
        if (!transport->closing)
            send_close(transport, code ? (enum ws_code)code : WS_NORMAL);
        end(transport);
        return len;
    }
    return used;
}

/* While the client's input waits, so do its pings behind it, and kubectl leaves after a minute
 * without a pong: it gets some that it has not asked for (RFC 6455 section 5.5.3). */
static void on_beat(void *ctx)
{
    struct transport *transport = ctx;
    if (!transport->wire || transport->closing)
        return;
    if (transport_pending(transport) == 0)
        send_frame(transport, WS_PONG, NULL, 0, NULL, 0);
    loop_timer_after(transport->beat, BEAT_NS);
}

static size_t take(struct transport *transport, const void *data, size_t len)
{
    if (transport->replies > MAX_REPLIES && !WEAKENED(STREAM_REPLIES))
        return 0; /* on_sent brings us back */
    if (transport->form)
        return read_messages(transport, data, len);
    return hand_on(transport, data, len, false, false);
}

static size_t on_bytes(void *ctx, const void *data, size_t len)
{
    struct transport *transport = ctx;
    size_t taken = take(transport, data, len);
    if (taken == len)
        loop_timer_stop(transport->beat);
    else if (transport->form && !loop_timer_armed(transport->beat))
        loop_timer_after(transport->beat, BEAT_NS);
    return taken;
}

static void on_sent(void *ctx)
{
    struct transport *transport = ctx;
    size_t pending = http_wire_pending(transport->wire);
    if (transport->replies > MAX_REPLIES && pending <= MAX_REPLIES)
        http_wire_more(transport->wire);
    transport->replies = transport->replies < pending ? transport->replies : pending;
    if (!transport->closing)
        transport->handler->sent(transport->ctx);
    else if (pending == 0)
        end(transport);
}

static void on_gone(void *ctx)
{
    struct transport *transport = ctx;
    transport->wire = NULL;
    loop_timer_stop(transport->soon);
    transport->handler->over(transport->ctx);
}

/* It was cut, or closed with nothing to be said. */
static void on_timer(void *ctx)
{
    struct transport *transport = ctx;
    if (!transport->wire)
        transport->handler->over(transport->ctx);
    else if (http_wire_pending(transport->wire) == 0)
        end(transport);
}

/* ---- the whole ---- */

void transport_open(struct transport *transport, struct loop *loop, struct http_request *request,
                    enum transport_form form, const struct transport_handler *handler, void *ctx)
{
    static const struct http_wire_handler wire = {on_bytes, on_sent, on_gone};
    *transport = (struct transport){.handler = handler, .ctx = ctx, .form = form};
    transport->soon = loop_timer_new(loop, on_timer, transport);
    transport->beat = loop_timer_new(loop, on_beat, transport);
    transport->wire = http_upgrade(request, &wire, transport);
}

void transport_more(struct transport *transport)
{
    if (transport->wire)
        http_wire_more(transport->wire);
}

void transport_done(struct transport *transport)
{
    loop_timer_free(transport->soon);
    loop_timer_free(transport->beat);
    if (transport->wire)
        http_wire_cut(transport->wire);
    *transport = (struct transport){0};
}
