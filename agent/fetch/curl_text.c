#include "agent/fetch/curl_text.h"

#include "common/base/str.h"

#include <string.h>

/* The bytes of " after <digits> ms" or " after <digits> milliseconds" at text; 0: it is none. */
static size_t time_at(const char *text)
{
    static const char *const units[] = {" milliseconds", " ms"};
    const char *digits = text + strlen(" after ");
    size_t count = strspn(digits, "0123456789");
    for (size_t i = 0; count > 0 && i < ARRAY_LEN(units); i++)
        if (str_has_prefix(digits + count, units[i]))
            return (size_t)(digits - text) + count + strlen(units[i]);
    return 0;
}

void curl_text_timeless(char *text)
{
    for (char *p = text; (p = strstr(p, " after "));) {
        size_t len = time_at(p);
        memmove(p, p + len, strlen(p + len) + 1);
        p += len == 0;
    }
}
