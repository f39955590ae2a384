#pragma once
/* JSON (RFC 8259) to and from value trees. Strict: one document, UTF-8, no duplicate keys, no NUL,
 * no trailing bytes, caps of limits.h. */

#include "common/base/buf.h"
#include "common/data/value.h"

/* -E2BIG (a cap), -EINVAL (syntax; the message names line and reason). Caller frees *ret. */
nodiscard int json_parse(const char *text, size_t len, struct value **ret, struct err *err);
/* Compact, keys in the order of the map. Returns 0 or -E2BIG by the buffer's cap. */
int json_write(const struct value *value, struct buf *ret);
/* Compact, keys sorted by bytes: the same tree always gives the same bytes (digests, equality). */
int json_write_canonical(const struct value *value, struct buf *ret);
/* Indented by 4 spaces, for people (kubectl's -o json). */
int json_write_pretty(const struct value *value, struct buf *ret);
/* The shortest form that reads back as the same double, and as a float ("1.0", "1e+300"). */
void json_format_float(double f, char ret[static 32]);
