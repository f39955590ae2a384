#include "common/program/duration.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <errno.h>

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    /* falling; "ms" would read as "m" otherwise: the longest name that fits is taken */
    {"d", 86400 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S},
    {"s", NS_PER_S},         {"ms", NS_PER_MS},
};

/* The unit's place in the table, or -1. *text moves behind it. */
static int read_unit(const char **text)
{
    size_t len = strspn(*text, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strlen(units[i].name) == len && strncmp(units[i].name, *text, len) == 0) {
            *text += len;
            return (int)i;
        }
    return -1;
}

static int read_number(const char **text, int64_t *ret)
{
    int64_t number = 0;
    size_t digits = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++, digits++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, **text - '0', &number))
            return -ERANGE;
    *ret = number;
    return digits > 0 ? 0 : -EINVAL;
}

int duration_parse(const char *text, int64_t *ret_ns)
{
    int64_t total = 0;
    int last = -1;
    bool first = true;
    do {
        int64_t number;
        int rc = read_number(&text, &number);
        if (rc < 0)
            return rc;
        int64_t each = NS_PER_S;
        if (!first || *text) {
            int unit = read_unit(&text);
            if (unit <= last)
                return -EINVAL;
            last = unit;
            each = units[unit].ns;
        }
        if (__builtin_mul_overflow(number, each, &number) ||
            __builtin_add_overflow(total, number, &total))
            return -ERANGE;
        first = false;
    } while (*text);
    *ret_ns = total;
    return 0;
}
