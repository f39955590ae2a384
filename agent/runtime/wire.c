#include "agent/runtime/wire.h"

#include <errno.h>
#include <string.h>

#define WIRE_NULL UINT32_MAX

int wire_put_u32(struct buf *buf, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    return buf_add(buf, bytes, sizeof(bytes));
}

int wire_put_u64(struct buf *buf, uint64_t value)
{
    int r = wire_put_u32(buf, (uint32_t)value);
    return r < 0 ? r : wire_put_u32(buf, (uint32_t)(value >> 32));
}

int wire_put_str(struct buf *buf, const char *s)
{
    if (!s)
        return wire_put_u32(buf, WIRE_NULL);
    size_t len = strlen(s);
    if (len >= WIRE_NULL)
        return -E2BIG;
    int r = wire_put_u32(buf, (uint32_t)len);
    return r < 0 ? r : buf_add(buf, s, len + 1);
}

int wire_put_blob(struct buf *buf, const void *data, size_t len)
{
    if (len >= WIRE_NULL)
        return -E2BIG;
    int r = wire_put_u32(buf, (uint32_t)len);
    return r < 0 || len == 0 ? r : buf_add(buf, data, len);
}

void wire_set_u32(struct buf *buf, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        buf->data[at + i] = (char)(uint8_t)(value >> (8 * i));
}

void wire_init(struct wire *wire, const void *bytes, size_t len)
{
    *wire = (struct wire){.at = bytes, .left = len};
}

/* NULL, and the reader is bad, if there are fewer than len bytes. */
static const uint8_t *take(struct wire *wire, size_t len)
{
    if (wire->bad || len > wire->left) {
        wire->bad = true;
        return NULL;
    }
    const uint8_t *at = wire->at;
    wire->at += len;
    wire->left -= len;
    return at;
}

uint32_t wire_u32(struct wire *wire)
{
    const uint8_t *p = take(wire, 4);
    if (!p)
        return 0;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t wire_u64(struct wire *wire)
{
    uint64_t low = wire_u32(wire);
    return low | (uint64_t)wire_u32(wire) << 32;
}

bool wire_bool(struct wire *wire)
{
    uint32_t value = wire_u32(wire);
    if (value > 1)
        wire->bad = true;
    return value == 1;
}

const char *wire_str(struct wire *wire)
{
    uint32_t len = wire_u32(wire);
    if (wire->bad || len == WIRE_NULL)
        return NULL;
    const uint8_t *p = take(wire, (size_t)len + 1);
    if (!p)
        return NULL;
    if (p[len] != '\0' || memchr(p, '\0', len)) {
        wire->bad = true;
        return NULL;
    }
    return (const char *)p;
}

const void *wire_blob(struct wire *wire, size_t *ret_len)
{
    uint32_t len = wire_u32(wire);
    const uint8_t *p = len > 0 ? take(wire, len) : NULL;
    *ret_len = p ? len : 0;
    return p;
}

struct wire wire_part(struct wire *wire)
{
    size_t len;
    const void *p = wire_blob(wire, &len);
    struct wire part;
    wire_init(&part, p, len);
    part.bad = wire->bad;
    return part;
}

void wire_copy(struct wire *wire, char *ret, size_t size)
{
    const char *s = wire_str(wire);
    size_t len = s ? strlen(s) : 0;
    if (len >= size) {
        wire->bad = true;
        len = 0;
    }
    if (len > 0)
        memcpy(ret, s, len);
    ret[len] = '\0';
}
