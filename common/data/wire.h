#pragma once
/* Protobuf's wire format: the fields of a message, read one after the other and written one behind
 * the other. What they mean is not known here. */

#include "common/base/buf.h"

#include <stdbool.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* A message that is being read: what of it is left. Borrowed bytes. */
struct wire {
    const uint8_t *at, *end;
};
struct wire wire_of(const void *data, size_t len);

struct wire_field {
    uint32_t number;
    uint8_t type;    /* enum wire_type */
    uint64_t scalar; /* all types but bytes */
    struct wire bytes;
};
/* 1 with the next field, 0 at the end, -EINVAL for what is no message (groups, which nobody writes
 * any more, among it). */
nodiscard int wire_next(struct wire *message, struct wire_field *ret);
/* A number of a packed list: 1, 0 at the end, -EINVAL. */
nodiscard int wire_next_varint(struct wire *list, uint64_t *ret);
nodiscard int wire_next_fixed64(struct wire *list, uint64_t *ret);
size_t wire_len(const struct wire *wire);

/* The buffers have no cap, so that adding does not fail. */
void wire_add_number(struct buf *to, uint32_t field, uint64_t number);
void wire_add_fixed64(struct buf *to, uint32_t field, uint64_t bits);
void wire_add_bytes(struct buf *to, uint32_t field, const void *data, size_t len);
void wire_add_str(struct buf *to, uint32_t field, const char *text);
/* A message within: takes the bytes of `inner`, which is empty afterwards. */
void wire_add_message(struct buf *to, uint32_t field, struct buf *inner);
