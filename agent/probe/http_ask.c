#include "agent/probe/http_ask.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define USER_AGENT "kube-probe/1.33" /* servers tell probes by it */

void http_target_done(struct http_target *target)
{
    free(target->host);
    free(target->path);
    *target = (struct http_target){0};
}
CLEANUP_DEFINE_VALUE(struct http_target, http_target_done);

/* One line of a request holds neither blanks nor what is not ASCII. */
static char *escape(const char *path, size_t len)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    if (len == 0 || path[0] != '/')
        (void)buf_addc(&text, '/');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>')
            (void)buf_addf(&text, "%%%02X", c);
        else
            (void)buf_addc(&text, (char)c);
    }
    return buf_steal(&text, NULL);
}

void http_target_init(struct http_target *target, bool tls, const char *host, int port,
                      const char *path)
{
    const char *text = path ? path : "/";
    *target = (struct http_target){.tls = tls, .port = port};
    target->host = xstrdup(host);
    target->path = escape(text, strcspn(text, "#"));
}

static char *authority(const struct http_target *target)
{
    return xasprintf(strchr(target->host, ':') ? "[%s]:%d" : "%s:%d", target->host, target->port);
}

char *http_target_url(const struct http_target *target)
{
    autofree char *host = authority(target);
    return xasprintf("http%s://%s%s", target->tls ? "s" : "", host, target->path);
}

/* ---- redirects ---- */

/* "host", "host:80", "[fd00::1]:80"; who:pass@ is not for probes. */
static int read_authority(const char *text, size_t len, bool tls, struct http_target *ret)
{
    const char *end = text + len, *port = NULL;
    size_t host_len = len;
    if (len > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', len);
        if (!close)
            return -EINVAL;
        port = close + 1 < end ? close + 1 : NULL;
        text++;
        host_len = (size_t)(close - text);
    } else if ((port = memchr(text, ':', len))) {
        host_len = (size_t)(port - text);
    }
    if (host_len == 0 || memchr(text, '@', host_len) || (port && *port != ':'))
        return -EINVAL;
    ret->port = tls ? 443 : 80;
    if (port && port + 1 < end) {
        autofree char *digits = xstrndup(port + 1, (size_t)(end - port - 1));
        uint64_t number;
        if (str_to_u64(digits, &number) < 0 || number < 1 || number > 65535)
            return -EINVAL;
        ret->port = (int)number;
    }
    ret->tls = tls;
    ret->host = xstrndup(text, host_len);
    return 0;
}

/* A path that is not from the root: from the folder of the one before. */
static char *resolve(const struct http_target *from, const char *location)
{
    size_t path_len = strcspn(from->path, "?");
    size_t keep = path_len;
    if (location[0] == '/')
        keep = 0;
    else if (location[0] != '?' && location[0] != '\0')
        while (keep > 0 && from->path[keep - 1] != '/')
            keep--;
    autofree char *joined = xasprintf("%.*s%s", (int)keep, from->path, location);
    return escape(joined, strcspn(joined, "#"));
}

int http_target_follow(const struct http_target *target, const char *location,
                       struct http_target *ret)
{
    static const struct {
        const char *prefix;
        bool tls;
    } schemes[] = {{"http://", false}, {"https://", true}};
    cleanup(http_target_done) struct http_target next = {.tls = target->tls, .port = target->port};
    const char *rest = NULL;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strncasecmp(location, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
            rest = location + strlen(schemes[i].prefix);
            next.tls = schemes[i].tls;
        }
    if (!rest && strncmp(location, "//", 2) == 0)
        rest = location + 2;
    if (!rest) {
        if (strchr(location, ':') && strcspn(location, ":") < strcspn(location, "/?#"))
            return -EINVAL; /* another scheme */
        next.host = xstrdup(target->host);
        next.path = resolve(target, location);
    } else {
        size_t len = strcspn(rest, "/?#");
        int r = read_authority(rest, len, next.tls, &next);
        if (r < 0)
            return r;
        if (strcasecmp(next.host, target->host) != 0)
            return -EXDEV;
        next.path = escape(rest + len, strcspn(rest + len, "#"));
    }
    *ret = next;
    next = (struct http_target){0};
    return 0;
}

/* ---- the request ---- */

/* RFC 9110 section 5.6.2 */
static bool is_token(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
            return false;
    return !str_empty(name);
}

static bool is_one_line(const char *value)
{
    for (const char *c = value; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return false;
    return true;
}

static const char *header_of(const struct value *headers, const char *name)
{
    for (size_t i = 0; i < value_len(headers); i++) {
        const char *other = value_get_str(value_at(headers, i), "name");
        const char *value = value_get_str(value_at(headers, i), "value");
        if (other && strcasecmp(other, name) == 0)
            return value ? value : "";
    }
    return NULL;
}

/* What the request says by itself, unless the manifest says otherwise: "" leaves Accept out. */
static int put_own(const char *name, const char *ours, const struct value *headers, struct buf *ret)
{
    const char *theirs = header_of(headers, name);
    const char *value = theirs ? theirs : ours;
    return str_empty(value) ? 0 : buf_addf(ret, "%s: %s\r\n", name, value);
}

static int put_theirs(const struct value *headers, struct buf *ret, struct err *err)
{
    static const char *const own[] = {"Host",       "User-Agent",     "Accept",
                                      "Connection", "Content-Length", "Transfer-Encoding"};
    int r = 0;
    for (size_t i = 0; i < value_len(headers) && r == 0; i++) {
        const char *name = value_get_str(value_at(headers, i), "name");
        const char *value = value_get_str(value_at(headers, i), "value");
        bool ours = false;
        if (!name || !is_token(name))
            return err_set(err, -EINVAL, "net/http: invalid header field name \"%.64s\"",
                           name ? name : "");
        if (value && !is_one_line(value))
            return err_set(err, -EINVAL, "net/http: invalid header field value for \"%.64s\"",
                           name);
        for (size_t o = 0; o < ARRAY_LEN(own); o++)
            ours |= strcasecmp(name, own[o]) == 0;
        if (!ours)
            r = buf_addf(ret, "%s: %s\r\n", name, value ? value : "");
    }
    return r < 0 ? err_set(err, r, "the headers of the request are too long") : 0;
}

int http_request(const struct http_target *target, const struct value *headers, struct buf *ret,
                 struct err *err)
{
    autofree char *host = authority(target);
    size_t at = ret->len;
    int r = put_theirs(headers, ret, err); /* first, since it checks them */
    ret->len = at;
    if (r < 0)
        return r;
    r = buf_addf(ret, "GET %s HTTP/1.1\r\n", target->path);
    if (r == 0)
        r = put_own("Host", host, headers, ret);
    if (r == 0)
        r = put_own("User-Agent", USER_AGENT, headers, ret);
    if (r == 0)
        r = put_own("Accept", "*/*", headers, ret);
    if (r == 0)
        r = buf_addstr(ret, "Connection: close\r\n");
    if (r < 0)
        return err_set(err, r, "the headers of the request are too long");
    r = put_theirs(headers, ret, err);
    if (r == 0 && buf_addstr(ret, "\r\n") < 0)
        return err_set(err, -E2BIG, "the headers of the request are too long");
    return r;
}
