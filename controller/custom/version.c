#include "controller/custom/version.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum stability { ALPHA, BETA, STABLE };

struct parsed {
    bool known; /* v1, v1beta1, v1alpha1 */
    enum stability stability;
    unsigned long major, minor;
};

static bool take_number(const char **s, unsigned long *ret)
{
    char *end;
    if (!isdigit((unsigned char)**s) || **s == '0')
        return false;
    *ret = strtoul(*s, &end, 10);
    *s = end;
    return true;
}

static struct parsed parse(const char *s)
{
    struct parsed parsed = {.stability = STABLE};
    if (*s++ != 'v' || !take_number(&s, &parsed.major))
        return parsed;
    if (!*s) {
        parsed.known = true;
        return parsed;
    }
    bool beta = strncmp(s, "beta", 4) == 0, alpha = strncmp(s, "alpha", 5) == 0;
    s += beta ? 4 : alpha ? 5 : 0;
    parsed.stability = beta ? BETA : ALPHA;
    parsed.known = (alpha || beta) && take_number(&s, &parsed.minor) && !*s;
    return parsed;
}

static int order(unsigned long a, unsigned long b)
{
    return (a < b) - (a > b); /* the larger first */
}

int version_compare(const char *a, const char *b)
{
    struct parsed x = parse(a ? a : ""), y = parse(b ? b : "");
    if (x.known != y.known)
        return x.known ? -1 : 1;
    if (!x.known)
        return strcmp(a ? a : "", b ? b : "");
    int by = order(x.stability, y.stability);
    by = by ? by : order(x.major, y.major);
    return by ? by : order(x.minor, y.minor);
}
