#include "agent/fetch/challenge.h"

#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Copies a token or quoted string and returns what follows it; NULL if it does not fit. */
static const char *value_of(const char *s, char *to, size_t size)
{
    size_t len = 0;
    bool quoted = *s == '"';
    for (s += quoted; *s && (quoted ? *s != '"' : *s != ',' && *s != ' '); s++) {
        if (quoted && *s == '\\' && s[1])
            s++;
        if (len + 1 >= size)
            return NULL;
        to[len++] = *s;
    }
    if (quoted && *s != '"')
        return NULL;
    to[len] = '\0';
    return s + quoted;
}

void challenge_parse(const char *header, struct challenge *ret)
{
    struct challenge c = {CHALLENGE_NONE, "", "", ""};
    *ret = c;
    if (strncasecmp(header, "Basic", 5) == 0 && (!header[5] || header[5] == ' ')) {
        ret->scheme = CHALLENGE_BASIC;
        return;
    }
    if (strncasecmp(header, "Bearer ", 7) != 0)
        return;
    const struct {
        const char *name;
        char *to;
        size_t size;
    } fields[] = {{"realm", c.realm, sizeof(c.realm)},
                  {"service", c.service, sizeof(c.service)},
                  {"scope", c.scope, sizeof(c.scope)}};
    for (const char *s = header + 7; s && *s;) {
        s += strspn(s, ", ");
        size_t len = strcspn(s, "=,");
        if (s[len] != '=')
            break;
        char other[1024];
        char *to = other;
        size_t size = sizeof(other);
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            if (strlen(fields[i].name) == len && strncasecmp(fields[i].name, s, len) == 0) {
                to = fields[i].to;
                size = fields[i].size;
            }
        }
        s = value_of(s + len + 1, to, size);
        if (!s)
            return;
    }
    c.scheme = c.realm[0] ? CHALLENGE_BEARER : CHALLENGE_NONE;
    *ret = c;
}

int address_parse(const char *url, struct address *ret)
{
    static const struct {
        const char *prefix, *port;
        bool https;
    } schemes[] = {{"https://", ":443", true}, {"http://", ":80", false}};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t skip = strlen(schemes[i].prefix);
        if (strncasecmp(url, schemes[i].prefix, skip) != 0)
            continue;
        size_t len = strcspn(url + skip, "/?#");
        if (len == 0 || len >= sizeof(ret->host) || memchr(url + skip, '@', len) ||
            memchr(url + skip, '\\', len))
            return -EINVAL;
        ret->https = schemes[i].https;
        for (size_t k = 0; k < len; k++)
            ret->host[k] = (char)tolower((unsigned char)url[skip + k]);
        ret->host[len] = '\0';
        if (str_has_suffix(ret->host, schemes[i].port))
            ret->host[len - strlen(schemes[i].port)] = '\0';
        return 0;
    }
    return -EINVAL;
}

bool address_same(const struct address *a, const struct address *b)
{
    return a->https == b->https && str_eq(a->host, b->host);
}

bool address_is_loopback(const char *host)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    char name[64];
    if (len >= sizeof(name))
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)len, host);
    int a, b, c, d, end = 0;
    if (strcasecmp(name, "localhost") == 0 || str_eq(name, "[::1]"))
        return true;
    return sscanf(name, "%3d.%3d.%3d.%3d%n", &a, &b, &c, &d, &end) == 4 &&
           (size_t)end == strlen(name) && a == 127 && b <= 255 && c <= 255 && d <= 255;
}

int64_t content_range_start(const char *header)
{
    if (strncasecmp(header, "bytes ", 6) != 0 || !isdigit((unsigned char)header[6]))
        return -1;
    char *end = NULL;
    errno = 0;
    long long start = strtoll(header + 6, &end, 10);
    return errno || *end != '-' ? -1 : start;
}
