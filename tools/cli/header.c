#include "tools/cli/header.h"

#include "common/base/buf.h"
#include "common/base/str.h"

char *header_warning(const char *line, size_t len)
{
    static const char name[] = "warning:";
    if (len < strlen(name) || strncasecmp(line, name, strlen(name)) != 0)
        return NULL;
    const char *at = memchr(line, '"', len), *end = line + len;
    if (!at)
        return NULL;
    struct buf text;
    buf_init(&text, 0);
    for (at++; at < end && *at != '"'; at++) {
        at += *at == '\\' && at + 1 < end;
        buf_addc(&text, (unsigned char)*at < ' ' ? ' ' : *at);
    }
    return buf_steal(&text, NULL);
}
