#include "common/base/str.h"

#include "common/base/utf8.h"

#include <errno.h>

bool str_has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *s, const char *suffix)
{
    size_t len = strlen(s), end = strlen(suffix);
    return len >= end && memcmp(s + len - end, suffix, end) == 0;
}

int str_to_u64(const char *s, uint64_t *ret)
{
    uint64_t value = 0;
    bool range = false;
    if (!s || !*s)
        return -EINVAL;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
            range = true; /* what follows may still not be a number */
    }
    if (range)
        return -ERANGE;
    *ret = value;
    return 0;
}

int str_to_i64(const char *s, int64_t *ret)
{
    bool minus = s && *s == '-';
    uint64_t value;
    int r = str_to_u64(minus ? s + 1 : s, &value);
    if (r < 0)
        return r;
    if (value > (uint64_t)INT64_MAX + (minus ? 1 : 0))
        return -ERANGE;
    *ret = minus ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

bool str_is_utf8(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_seq(s + i, len - i);
        if (n == 0 || s[i] == '\0')
            return false;
        i += n;
    }
    return true;
}

int str_split(const char *s, char sep, int (*fn)(void *ctx, const char *piece, size_t len),
              void *ctx)
{
    for (;;) {
        const char *end = sep ? strchr(s, sep) : NULL;
        int r = fn(ctx, s, end ? (size_t)(end - s) : strlen(s));
        if (r || !end)
            return r;
        s = end + 1;
    }
}
