#include "common/base/buf.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BUF_FIRST 64

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

/* Room for len more bytes and the terminator; false beyond the cap. */
static bool make_room(struct buf *buf, size_t len)
{
    size_t need;
    if (__builtin_add_overflow(buf->len, len, &need) || need >= SIZE_MAX / 2)
        return false;
    if (buf->max && need > buf->max && !WEAKENED(BUF_CAP))
        return false;
    if (need + 1 <= buf->cap)
        return true;
    size_t cap = buf->cap ? buf->cap : BUF_FIRST;
    while (cap < need + 1)
        cap *= 2;
    if (buf->max && cap > buf->max)
        cap = buf->max + 1;
    buf->data = xrealloc(buf->data, cap);
    buf->cap = cap;
    return true;
}

int buf_add(struct buf *buf, const void *data, size_t len)
{
    if (!make_room(buf, len))
        return -E2BIG;
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return 0;
}

int buf_addstr(struct buf *buf, const char *s)
{
    return buf_add(buf, s, strlen(s));
}

int buf_addc(struct buf *buf, char c)
{
    return buf_add(buf, &c, 1);
}

int buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    int r = 0;
    if (len < 0 || !make_room(buf, (size_t)len)) {
        r = -E2BIG;
    } else {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return r;
}

char *buf_reserve(struct buf *buf, size_t len)
{
    if (!make_room(buf, len))
        return NULL;
    /* Zeroed, so that the bytes are terminated wherever the caller's commit ends. */
    memset(buf->data + buf->len, 0, len + 1);
    return buf->data + buf->len;
}

void buf_drop(struct buf *buf, size_t len)
{
    if (len > buf->len)
        len = buf->len;
    if (len == 0)
        return;
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
    buf->data[buf->len] = '\0';
}

char *buf_steal(struct buf *buf, size_t *ret_len)
{
    char *data = buf->data ? buf->data : xstrdup("");
    data[buf->len] = '\0';
    if (ret_len)
        *ret_len = buf->len;
    *buf = (struct buf){.max = buf->max};
    return data;
}

const char *buf_str(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}
