#include "controller/stream/spdy.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 3
#define CONTROL 0x80000000u
#define STREAM_ID 0x7fffffffu

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * (3 - i));
}

static bool is_control(const struct spdy_reader *reader)
{
    return get32(reader->head) & CONTROL;
}

static bool is_fin(const struct spdy_reader *reader)
{
    return reader->head[4] & SPDY_FIN;
}

/* The head is whole. */
static int begin_frame(struct spdy_reader *reader)
{
    reader->in_frame = true;
    reader->at = 0;
    reader->len = get32(reader->head + 4) & 0xffffff;
    if (!is_control(reader))
        return get32(reader->head) == 0 ? -EPROTO : 0;
    if ((get32(reader->head) >> 16 & 0x7fff) != VERSION)
        return -EPROTO;
    if (reader->len > SPDY_MAX_CONTROL && !WEAKENED(SPDY_CONTROL_CAP))
        return -EPROTO;
    reader->control = xmalloc(reader->len + 1);
    return 0;
}

/* How much stands before the header block, or how long the frame is. */
static size_t least_of(enum spdy_type type)
{
    switch (type) {
    case SPDY_SYN_STREAM:
        return 10;
    case SPDY_RST_STREAM:
        return 8;
    case SPDY_SYN_REPLY:
    case SPDY_HEADERS:
    case SPDY_PING:
        return 4;
    case SPDY_SETTINGS:
    case SPDY_GOAWAY:
    case SPDY_WINDOW_UPDATE:
        break;
    }
    return 0; /* what is read over, of whatever length */
}

/* A control frame is whole. */
static int end_control(struct spdy_reader *reader, const struct spdy_handler *handler, void *ctx)
{
    enum spdy_type type = get32(reader->head) & 0xffff;
    const uint8_t *body = reader->control;
    size_t least = least_of(type), len = reader->len;
    if (len < least)
        return -EPROTO;
    uint32_t id = least > 0 ? get32(body) & (type == SPDY_PING ? UINT32_MAX : STREAM_ID) : 0;
    switch (type) {
    case SPDY_SYN_STREAM:
    case SPDY_SYN_REPLY:
    case SPDY_HEADERS:
        return handler->headers(ctx, type, id, is_fin(reader), body + least, len - least) ? 0
                                                                                          : -EPROTO;
    case SPDY_RST_STREAM:
        handler->reset(ctx, id, get32(body + 4));
        break;
    case SPDY_PING:
        handler->ping(ctx, id);
        break;
    case SPDY_GOAWAY:
        handler->goaway(ctx);
        break;
    case SPDY_SETTINGS:
    case SPDY_WINDOW_UPDATE:
        break;
    }
    return 0;
}

static int read_control(struct spdy_reader *reader, const uint8_t *data, size_t len,
                        size_t *ret_taken, const struct spdy_handler *handler, void *ctx)
{
    size_t left = reader->len - reader->at;
    *ret_taken = len < left ? len : left;
    if (*ret_taken > 0)
        memcpy(reader->control + reader->at, data, *ret_taken);
    reader->at += (uint32_t)*ret_taken;
    if (reader->at < reader->len)
        return 0;
    int r = end_control(reader, handler, ctx);
    reader->in_frame = false;
    free(reader->control);
    reader->control = NULL;
    return r;
}

/* *ret_stop: not all of it was taken. */
static size_t read_data(struct spdy_reader *reader, const uint8_t *data, size_t len, bool *ret_stop,
                        const struct spdy_handler *handler, void *ctx)
{
    size_t left = reader->len - reader->at, n = len < left ? len : left;
    size_t taken = handler->data(ctx, get32(reader->head), data, n, is_fin(reader) && n == left);
    *ret_stop = taken < n;
    reader->at += (uint32_t)taken;
    reader->in_frame = *ret_stop || reader->at < reader->len;
    return taken;
}

int spdy_read(struct spdy_reader *reader, const void *data, size_t len, size_t *ret_used,
              const struct spdy_handler *handler, void *ctx)
{
    const uint8_t *at = data, *end = at + len;
    bool stop = false;
    int r = 0;
    while (!stop && r == 0) {
        size_t left = (size_t)(end - at), taken = 0;
        if (!reader->in_frame) {
            if (left == 0)
                break;
            reader->head[reader->head_len++] = *at++;
            if (reader->head_len < SPDY_HEAD)
                continue;
            reader->head_len = 0;
            r = begin_frame(reader);
        } else if (left == 0 && reader->at < reader->len) {
            break;
        } else if (is_control(reader)) {
            r = read_control(reader, at, left, &taken, handler, ctx);
        } else {
            taken = read_data(reader, at, left, &stop, handler, ctx);
        }
        at += taken;
    }
    *ret_used = (size_t)(at - (const uint8_t *)data);
    return r;
}

void spdy_done(struct spdy_reader *reader)
{
    free(reader->control);
    *reader = (struct spdy_reader){0};
}

size_t spdy_data_head(uint32_t id, size_t len, bool fin, uint8_t ret[static SPDY_HEAD])
{
    put32(ret, id);
    put32(ret + 4, (uint32_t)len | (fin ? (uint32_t)SPDY_FIN << 24 : 0));
    return SPDY_HEAD;
}

static void put_control(enum spdy_type type, size_t len, uint8_t *ret)
{
    put32(ret, CONTROL | VERSION << 16 | type);
    put32(ret + 4, (uint32_t)len);
}

size_t spdy_rst(uint32_t id, enum spdy_status status, uint8_t ret[static SPDY_SMALL])
{
    put_control(SPDY_RST_STREAM, 8, ret);
    put32(ret + 8, id);
    put32(ret + 12, status);
    return 16;
}

size_t spdy_ping(uint32_t id, uint8_t ret[static SPDY_SMALL])
{
    put_control(SPDY_PING, 4, ret);
    put32(ret + 8, id);
    return 12;
}

size_t spdy_goaway(uint32_t last, uint8_t ret[static SPDY_SMALL])
{
    put_control(SPDY_GOAWAY, 8, ret);
    put32(ret + 8, last);
    put32(ret + 12, 0);
    return 16;
}
