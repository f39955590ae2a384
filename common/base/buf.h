#pragma once
/* A growing byte buffer with a hard cap. `data` is always terminated by a NUL that `len` does not
 * count (NULL only while nothing was ever appended). */

#include "common/base/cleanup.h"
#include "common/base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max; /* bytes; 0 = no cap (only for what we produce ourselves) */
};

void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf); /* frees, and leaves the buffer empty and usable */
CLEANUP_DEFINE_VALUE(struct buf, buf_done);

/* All return 0, or -E2BIG beyond `max` with the buffer unchanged. */
int buf_add(struct buf *buf, const void *data, size_t len);
int buf_addstr(struct buf *buf, const char *s);
int buf_addc(struct buf *buf, char c);
int buf_addf(struct buf *buf, const char *fmt, ...) printf_like(2, 3);
/* Makes room for `len` more bytes, zeroed, and returns where to write them; NULL beyond `max`.
 * Commit with buf->len += n, having written no more than n. */
char *buf_reserve(struct buf *buf, size_t len);
/* Removes the first `len` bytes. */
void buf_drop(struct buf *buf, size_t len);
/* Gives the bytes away (terminated; "" if empty); the buffer is empty afterwards. Caller frees. */
char *buf_steal(struct buf *buf, size_t *ret_len);
/* "" when empty. */
const char *buf_str(const struct buf *buf);
