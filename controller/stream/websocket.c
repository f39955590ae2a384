#include "controller/stream/websocket.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"

#include <stdio.h>

#define PIECE 4096 /* unmasked at once */

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f };

static bool is_control(enum ws_opcode opcode)
{
    return opcode & 8;
}

/* How many bytes the head has, as far as can be told from those that have come. */
static size_t head_size(const struct ws_reader *reader)
{
    if (reader->head_len < 2)
        return 2;
    unsigned len = reader->head[1] & LENGTH;
    return 2 + (len == 126 ? 2u : len == 127 ? 8u : 0u) + (reader->head[1] & MASKED ? 4u : 0u);
}

/* Of a whole head; UINT64_MAX if it is not written in the shortest form. */
static uint64_t payload_length(const uint8_t *head)
{
    uint64_t len = head[1] & LENGTH;
    size_t bytes = len == 126 ? 2 : len == 127 ? 8 : 0;
    uint64_t least = len == 126 ? 126 : 65536;
    if (bytes == 0)
        return len;
    len = 0;
    for (size_t i = 0; i < bytes; i++)
        len = len << 8 | head[2 + i];
    return len < least ? UINT64_MAX : len;
}

static int check_opcode(const struct ws_reader *reader, bool fin)
{
    switch (reader->opcode) {
    case WS_CONTINUATION:
        return reader->in_message ? 0 : WS_PROTOCOL;
    case WS_TEXT:
    case WS_BINARY:
        return reader->in_message ? WS_PROTOCOL : 0;
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        return fin ? 0 : WS_PROTOCOL;
    }
    return WS_PROTOCOL;
}

/* The head is whole. */
static int begin_frame(struct ws_reader *reader)
{
    const uint8_t *head = reader->head;
    uint64_t len = payload_length(head);
    reader->opcode = head[0] & OPCODE;
    int code = check_opcode(reader, head[0] & FIN);
    if (code || head[0] & RESERVED)
        return WS_PROTOCOL;
    if (!(head[1] & MASKED) && !WEAKENED(WS_MASK))
        return WS_PROTOCOL;
    if (len > INT64_MAX || (is_control(reader->opcode) && len > WS_MAX_CONTROL))
        return WS_PROTOCOL;
    if (len > WS_MAX_FRAME && !WEAKENED(WS_FRAME_CAP))
        return WS_TOO_BIG;
    if (head[1] & MASKED)
        memcpy(reader->mask, head + reader->head_len - 4, 4);
    reader->len = len;
    reader->at = 0;
    reader->in_frame = true;
    reader->head_len = 0;
    if (!is_control(reader->opcode)) {
        reader->fin = head[0] & FIN;
        reader->fresh |= reader->opcode != WS_CONTINUATION;
        reader->in_message = true;
    }
    return 0;
}

static void unmask(const struct ws_reader *reader, const uint8_t *data, size_t len, uint8_t *ret)
{
    for (size_t i = 0; i < len; i++)
        ret[i] = data[i] ^ reader->mask[(reader->at + i) & 3];
}

static void end_frame(struct ws_reader *reader)
{
    reader->in_frame = false;
    if (!is_control(reader->opcode))
        reader->in_message = !reader->fin;
}

/* A step in the payload of a control frame. */
static size_t read_control(struct ws_reader *reader, const uint8_t *data, size_t len,
                           const struct ws_handler *handler, void *ctx)
{
    size_t left = (size_t)(reader->len - reader->at), n = len < left ? len : left;
    unmask(reader, data, n, reader->control + reader->at);
    reader->at += n;
    if (reader->at < reader->len)
        return n;
    end_frame(reader);
    reader->closed = reader->opcode == WS_CLOSE;
    handler->control(ctx, reader->opcode, reader->control, (size_t)reader->len);
    return n;
}

/* A step in the payload of a message; *ret_stop: not all of it was taken. */
static size_t read_data(struct ws_reader *reader, const uint8_t *data, size_t len, bool *ret_stop,
                        const struct ws_handler *handler, void *ctx)
{
    uint8_t piece[PIECE];
    uint64_t left = reader->len - reader->at;
    size_t n = len < left ? len : (size_t)left;
    n = n < PIECE ? n : PIECE;
    unmask(reader, data, n, piece);
    bool last = reader->fin && n == left;
    size_t taken = handler->data(ctx, piece, n, reader->fresh, last);
    *ret_stop = taken < n;
    reader->fresh &= taken == 0 && n > 0;
    reader->at += taken;
    if (reader->at == reader->len && !*ret_stop)
        end_frame(reader);
    return taken;
}

int ws_read(struct ws_reader *reader, const void *data, size_t len, size_t *ret_used,
            const struct ws_handler *handler, void *ctx)
{
    const uint8_t *at = data, *end = at + len;
    bool stop = false;
    int code = 0;
    while (!stop && code == 0 && !reader->closed) {
        size_t left = (size_t)(end - at);
        if (!reader->in_frame) {
            if (left == 0)
                break;
            reader->head[reader->head_len++] = *at++;
            if (reader->head_len == head_size(reader))
                code = begin_frame(reader);
        } else if (left == 0 && reader->at < reader->len) {
            break;
        } else if (is_control(reader->opcode)) {
            at += read_control(reader, at, left, handler, ctx);
        } else {
            at += read_data(reader, at, left, &stop, handler, ctx);
        }
    }
    *ret_used = reader->closed || code ? len : (size_t)(at - (const uint8_t *)data);
    return code;
}

size_t ws_head(enum ws_opcode opcode, size_t len, uint8_t ret[static WS_HEAD_MAX])
{
    size_t bytes = len < 126 ? 0 : len < 65536 ? 2 : 8;
    ret[0] = (uint8_t)(FIN | opcode);
    ret[1] = bytes == 0 ? (uint8_t)len : bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++)
        ret[2 + i] = (uint8_t)((uint64_t)len >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

bool ws_key_valid(const char *key)
{
    size_t len = 0;
    autofree uint8_t *bytes = NULL;
    if (str_empty(key) || strlen(key) != 24 || base64_decode(key, 24, &bytes, &len) != 0)
        return false;
    return len == 16;
}

void ws_accept(const char *key, char ret[static WS_ACCEPT])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t digest[SHA1_LEN];
    autofree char *both = xasprintf("%s%s", key, guid);
    sha1(both, strlen(both), digest);
    autofree char *text = base64_encode(digest, sizeof(digest));
    snprintf(ret, WS_ACCEPT, "%s", text);
}
