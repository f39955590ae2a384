#include "common/data/wire.h"

#include <errno.h>
#include <string.h>

#define MAX_FIELD ((1U << 29) - 1)

struct wire wire_of(const void *data, size_t len)
{
    const uint8_t *at = data;
    return (struct wire){at, at + len};
}

size_t wire_len(const struct wire *wire)
{
    return (size_t)(wire->end - wire->at);
}

int wire_next_varint(struct wire *list, uint64_t *ret)
{
    uint64_t number = 0;
    if (list->at == list->end)
        return 0;
    for (unsigned shift = 0; shift < 64 && list->at < list->end; shift += 7) {
        uint8_t byte = *list->at++;
        if (shift == 63 && byte > 1)
            return -EINVAL;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = number;
            return 1;
        }
    }
    return -EINVAL;
}

static int take_fixed(struct wire *list, size_t width, uint64_t *ret)
{
    if (wire_len(list) < width)
        return -EINVAL;
    *ret = 0;
    for (size_t i = 0; i < width; i++)
        *ret |= (uint64_t)*list->at++ << 8 * i;
    return 1;
}

int wire_next_fixed64(struct wire *list, uint64_t *ret)
{
    return list->at == list->end ? 0 : take_fixed(list, 8, ret);
}

static int take_bytes(struct wire *message, struct wire *ret)
{
    uint64_t len;
    if (wire_next_varint(message, &len) != 1 || len > wire_len(message))
        return -EINVAL;
    *ret = wire_of(message->at, (size_t)len);
    message->at += len;
    return 1;
}

int wire_next(struct wire *message, struct wire_field *ret)
{
    uint64_t tag;
    int r = wire_next_varint(message, &tag);
    if (r <= 0)
        return r;
    if (tag >> 3 == 0 || tag >> 3 > MAX_FIELD)
        return -EINVAL;
    *ret = (struct wire_field){.number = (uint32_t)(tag >> 3), .type = tag & 7};
    switch (ret->type) {
    case WIRE_VARINT:
        return wire_next_varint(message, &ret->scalar) == 1 ? 1 : -EINVAL;
    case WIRE_FIXED64:
        return take_fixed(message, 8, &ret->scalar);
    case WIRE_BYTES:
        return take_bytes(message, &ret->bytes);
    case WIRE_FIXED32:
        return take_fixed(message, 4, &ret->scalar);
    default:
        return -EINVAL;
    }
}

static void add_varint(struct buf *to, uint64_t number)
{
    for (; number > 0x7f; number >>= 7)
        (void)buf_addc(to, (char)(number | 0x80));
    (void)buf_addc(to, (char)number);
}

static void add_tag(struct buf *to, uint32_t field, enum wire_type type)
{
    add_varint(to, (uint64_t)field << 3 | type);
}

void wire_add_number(struct buf *to, uint32_t field, uint64_t number)
{
    add_tag(to, field, WIRE_VARINT);
    add_varint(to, number);
}

void wire_add_fixed64(struct buf *to, uint32_t field, uint64_t bits)
{
    add_tag(to, field, WIRE_FIXED64);
    for (size_t i = 0; i < 8; i++)
        (void)buf_addc(to, (char)(bits >> 8 * i));
}

void wire_add_bytes(struct buf *to, uint32_t field, const void *data, size_t len)
{
    add_tag(to, field, WIRE_BYTES);
    add_varint(to, len);
    (void)buf_add(to, data, len);
}

void wire_add_str(struct buf *to, uint32_t field, const char *text)
{
    wire_add_bytes(to, field, text, strlen(text));
}

void wire_add_message(struct buf *to, uint32_t field, struct buf *inner)
{
    wire_add_bytes(to, field, buf_str(inner), inner->len);
    buf_done(inner);
}
