#pragma once
/* Bytes between programs of ours on one machine (launch plans, keeper messages): little-endian
 * numbers and counted, NUL-terminated strings that a reader uses in place. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The writer: all return 0 or -E2BIG (the cap of the buffer). */
int wire_put_u32(struct buf *buf, uint32_t value);
int wire_put_u64(struct buf *buf, uint64_t value);
int wire_put_str(struct buf *buf, const char *s); /* NULL is kept apart from "" */
int wire_put_blob(struct buf *buf, const void *data, size_t len);
/* Sets four bytes that were put earlier at `at`. */
void wire_set_u32(struct buf *buf, size_t at, uint32_t value);

/* The reader: after the first mistake `bad` stays set and everything reads as 0, "" or NULL, so
 * that it may be asked once at the end. */
struct wire {
    const uint8_t *at;
    size_t left;
    bool bad;
};

void wire_init(struct wire *wire, const void *bytes, size_t len);
uint32_t wire_u32(struct wire *wire);
uint64_t wire_u64(struct wire *wire);
static inline int64_t wire_i64(struct wire *wire)
{
    return (int64_t)wire_u64(wire);
}
bool wire_bool(struct wire *wire);       /* anything but 0 and 1 is bad */
const char *wire_str(struct wire *wire); /* may be NULL; points into the bytes */
const void *wire_blob(struct wire *wire,
                      size_t *ret_len); /* points into the bytes; NULL if empty */
/* A part of its own, of the length in front of it: what an older reader does not know is passed
 * over. */
struct wire wire_part(struct wire *wire);
/* Copies a string that must fit with its NUL into size bytes; NULL gives "". */
void wire_copy(struct wire *wire, char *ret, size_t size);
