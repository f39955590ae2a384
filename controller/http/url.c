#include "controller/http/url.h"

#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>

/* Decodes %XX (and '+' as a space in queries). The caller frees *ret. */
static int decode(const char *text, size_t len, bool query, char **ret, struct err *err)
{
    autofree char *out = xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '+' && query) {
            c = ' ';
        } else if (c == '%') {
            if (len - i < 3 || hex_decode(text + i + 1, 2, &c, 1) != 0)
                return err_set(err, -EINVAL, "invalid URL escape \"%.*s\"",
                               (int)(len - i < 3 ? len - i : 3), text + i);
            i += 2;
        }
        out[n++] = c;
    }
    if (!str_is_utf8(out, n))
        return err_set(err, -EINVAL, "the URL holds bytes that are not UTF-8, or NUL");
    out[n] = '\0';
    *ret = steal(out);
    return 0;
}

static int check_segment(const char *segment, struct err *err)
{
    if (*segment == '\0')
        return err_set(err, -EINVAL, "the path holds an empty segment (\"//\")");
    bool tricky = strchr(segment, '/') || str_eq(segment, ".") || str_eq(segment, "..");
    if (tricky && !WEAKENED(URL_PATH_TRICKS))
        return err_set(err, -EINVAL, "the path holds \".\", \"..\" or an encoded \"/\"");
    return 0;
}

static int add_segment(struct url *url, const char *text, size_t len, struct err *err)
{
    if (url->segment_count == URL_MAX_SEGMENTS)
        return err_set(err, -E2BIG, "the path has more than %d segments", URL_MAX_SEGMENTS);
    char *segment = NULL;
    int r = decode(text, len, false, &segment, err);
    if (r)
        return r;
    url->segments[url->segment_count++] = segment;
    return check_segment(segment, err);
}

static int parse_path(struct url *url, const char *path, size_t len, struct err *err)
{
    if (len == 0 || path[0] != '/')
        return err_set(err, -EINVAL, "the path does not begin with \"/\"");
    const char *end = path + len;
    const char *p = path + 1;
    while (p < end) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        const char *stop = slash ? slash : end;
        int r = add_segment(url, p, (size_t)(stop - p), err);
        if (r)
            return r;
        p = stop + 1;
    }
    return 0;
}

static int add_param(struct url *url, const char *text, size_t len, struct err *err)
{
    if (len == 0)
        return 0;
    if (url->param_count == URL_MAX_PARAMS)
        return err_set(err, -E2BIG, "the query has more than %d parameters", URL_MAX_PARAMS);
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    struct url_param *param = &url->params[url->param_count++];
    *param = (struct url_param){0};
    int r = decode(text, name_len, true, &param->name, err);
    if (r)
        return r;
    const char *value = equals ? equals + 1 : text + len;
    return decode(value, (size_t)(text + len - value), true, &param->value, err);
}

static int parse_query(struct url *url, const char *query, struct err *err)
{
    for (const char *p = query;;) {
        size_t len = strcspn(p, "&");
        int r = add_param(url, p, len, err);
        if (r)
            return r;
        if (p[len] == '\0')
            return 0;
        p += len + 1;
    }
}

int url_parse(const char *target, struct url *ret, struct err *err)
{
    *ret = (struct url){0};
    const char *query = strchr(target, '?');
    size_t path_len = query ? (size_t)(query - target) : strlen(target);
    int r = parse_path(ret, target, path_len, err);
    if (r == 0 && query)
        r = parse_query(ret, query + 1, err);
    if (r)
        url_done(ret);
    return r;
}

void url_done(struct url *url)
{
    for (size_t i = 0; i < url->segment_count; i++)
        free(url->segments[i]);
    for (size_t i = 0; i < url->param_count; i++) {
        free(url->params[i].name);
        free(url->params[i].value);
    }
    *url = (struct url){0};
}

char *url_path(const struct url *url)
{
    struct buf path;
    buf_init(&path, 0);
    for (size_t i = 0; i < url->segment_count; i++)
        buf_addf(&path, "/%s", url->segments[i]);
    if (url->segment_count == 0)
        buf_addc(&path, '/');
    return buf_steal(&path, NULL);
}

const char *url_param(const struct url *url, const char *name)
{
    for (size_t i = 0; i < url->param_count; i++)
        if (str_eq(url->params[i].name, name))
            return url->params[i].value;
    return NULL;
}

int url_param_bool(const struct url *url, const char *name, bool def, bool *ret, struct err *err)
{
    static const char *const yes[] = {"", "true", "True", "TRUE", "t", "T", "1"};
    static const char *const no[] = {"false", "False", "FALSE", "f", "F", "0"};
    const char *text = url_param(url, name);
    if (!text) {
        *ret = def;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_eq(text, yes[i])) {
            *ret = true;
            return 0;
        }
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (str_eq(text, no[i])) {
            *ret = false;
            return 0;
        }
    return err_set(err, -EINVAL, "invalid query parameter %s=\"%.80s\": not a boolean", name, text);
}

int url_param_int(const struct url *url, const char *name, int64_t def, int64_t *ret,
                  struct err *err)
{
    const char *text = url_param(url, name);
    if (str_empty(text)) {
        *ret = def;
        return 0;
    }
    int64_t number;
    if (str_to_i64(text, &number) != 0 || number < 0)
        return err_set(err, -EINVAL, "invalid query parameter %s=\"%.80s\": not a number", name,
                       text);
    *ret = number;
    return 0;
}
