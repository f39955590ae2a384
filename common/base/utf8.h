#pragma once
/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */

#include <stddef.h>

/* The length of the sequence at s (1-4) when it is valid and lies within len bytes; else 0. */
size_t utf8_seq(const char *s, size_t len);
/* The greatest length <= max at which s can be cut without splitting a sequence. s holds at least
 * max bytes; bytes that are not UTF-8 are cut anywhere. */
size_t utf8_cut(const char *s, size_t max);
