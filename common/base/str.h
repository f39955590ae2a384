#pragma once
/* Small string work that C leaves out. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline bool str_eq(const char *a, const char *b) /* NULLs allowed */
{
    return a == b || (a && b && strcmp(a, b) == 0);
}
static inline bool str_empty(const char *s)
{
    return !s || !*s;
}
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
/* Whole string, base 10, no sign for u64, no leading or trailing space. -EINVAL, -ERANGE. */
nodiscard int str_to_u64(const char *s, uint64_t *ret);
nodiscard int str_to_i64(const char *s, int64_t *ret);
bool str_is_utf8(const char *s, size_t len); /* and holds no NUL */
/* Calls fn for each piece of s between `sep`s (empty pieces too) until fn returns non-zero, and
 * returns that value or 0. Pieces are not terminated. */
int str_split(const char *s, char sep, int (*fn)(void *ctx, const char *piece, size_t len),
              void *ctx);

/* Lower-case hexadecimal; ret holds 2 * len + 1 bytes. */
void hex_encode(const void *data, size_t len, char *ret);
/* Exactly 2 * len digits, upper or lower case; -EINVAL. */
nodiscard int hex_decode(const char *hex, size_t hex_len, void *ret, size_t len);
/* RFC 4648 section 4 with padding, no line breaks. Caller frees. */
char *base64_encode(const void *data, size_t len);
/* Strict; white space is refused. Caller frees *ret (terminated by a NUL that *ret_len does not
 * count). */
nodiscard int base64_decode(const char *text, size_t text_len, uint8_t **ret, size_t *ret_len);
