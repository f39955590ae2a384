#pragma once
/* Kubernetes quantities ("250m", "1.5", "64Mi", "1e3"): resource.Quantity of apimachinery. Exact:
 * no floating point on the way. */

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdint.h>

struct value;

/* units + nano * 10^-9, with 0 <= nano < 10^9 (so -0.5 is units -1, nano 500000000), and how it was
 * written. */
struct quantity {
    int64_t units;
    int32_t nano;
    enum { QUANTITY_DECIMAL, QUANTITY_BINARY, QUANTITY_EXPONENT } format;
};

/* At most 64 characters; finer than a nano-unit is rounded up, as Kubernetes does. -EINVAL, -ERANGE
 * (beyond int64 units). */
nodiscard int quantity_parse(const char *text, struct quantity *ret);
/* A string or an integer or a float of a document. */
nodiscard int quantity_of(const struct value *value, struct quantity *ret);
/* Kubernetes' canonical form: no fraction, the greatest suffix that leaves none. ret holds 64
 * bytes. */
void quantity_format(const struct quantity *quantity, char ret[static 64]);
/* Less than, equal to or greater than zero as a is to b. */
int quantity_compare(const struct quantity *a, const struct quantity *b);
/* a + b for times 1, a - b for times -1; cut at the ends of int64 units. Written as the first of
 * both that is something. */
struct quantity quantity_sum(const struct quantity *a, const struct quantity *b, int times);
/* Rounded up; cut at the ends of int64. */
int64_t quantity_milli(const struct quantity *quantity); /* CPU: milli-units */
int64_t quantity_units(const struct quantity *quantity); /* memory: bytes */

/* Both steps at once, for readers of checked objects: def if absent or malformed. */
int64_t quantity_milli_of(const struct value *value, int64_t def);
int64_t quantity_units_of(const struct value *value, int64_t def);
