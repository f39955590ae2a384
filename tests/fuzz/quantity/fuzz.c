/* Quantities, two to a text, a line each: what is read is written in a form that reads as the same
 * amount, and comparing has an order. */

#include "common/base/mem.h"
#include "common/schema/quantity.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool read_one(const char *text, struct quantity *ret)
{
    struct quantity again;
    char written[64];
    if (quantity_parse(text, ret) != 0)
        return false;
    check(quantity_compare(ret, ret) == 0);
    quantity_format(ret, written);
    check(strlen(written) < sizeof(written) && quantity_parse(written, &again) == 0);
    check(quantity_compare(ret, &again) == 0);
    (void)quantity_milli(ret);
    (void)quantity_units(ret);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct quantity a, b;
    autofree char *text = xstrndup((const char *)data, size);
    char *second = strchr(text, '\n');
    if (second)
        *second++ = '\0';
    if (!read_one(text, &a) || !second || !read_one(second, &b))
        return 0;
    check((quantity_compare(&a, &b) > 0) == (quantity_compare(&b, &a) < 0));
    return 0;
}
