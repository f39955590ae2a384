#include "controller/merge/splice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* Behind a string that begins at p; NULL if it does not end. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return NULL;
}

/* Behind a value: up to the comma or bracket that ends it. */
static const char *skip_value(const char *p, const char *end)
{
    int depth = 0;
    while (p && p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        if (*p == '{' || *p == '[')
            depth++;
        else if ((*p == '}' || *p == ']' || *p == ',') && depth == 0)
            return p;
        else if (*p == '}' || *p == ']')
            depth--;
        p++;
    }
    return NULL;
}

/* The value of a key of the object itself; NULL if it has none. */
static const char *find(const char *json, size_t len, const char *key)
{
    const char *p = json, *end = json + len;
    size_t key_len = strlen(key);
    if (len == 0 || *p != '{')
        return NULL;
    for (p++; p < end && *p == '"'; p++) {
        const char *name = p + 1;
        p = skip_string(p, end);
        if (!p || p == end || *p != ':')
            return NULL;
        if ((size_t)(p - 1 - name) == key_len && memcmp(name, key, key_len) == 0)
            return p + 1;
        p = skip_value(p + 1, end);
        if (!p || *p != ',')
            return NULL;
    }
    return NULL;
}

static bool is_text(const char *at, const char *end, const char *text)
{
    size_t len = strlen(text);
    return at && (size_t)(end - at) > len + 1 && *at == '"' && memcmp(at + 1, text, len) == 0 &&
           at[len + 1] == '"';
}

int splice_revision(const char *json, size_t len, const char *api_version, int64_t revision,
                    struct buf *ret)
{
    const char *end = json + len, *at = find(json, len, "metadata");
    if (!at || end - at < 2 || *at != '{' ||
        !is_text(find(json, len, "apiVersion"), end, api_version))
        return -EINVAL;
    at++;
    buf_add(ret, json, (size_t)(at - json));
    buf_addf(ret, "\"resourceVersion\":\"%" PRId64 "\"%s", revision, *at == '}' ? "" : ",");
    buf_add(ret, at, (size_t)(end - at));
    return 0;
}

const char *splice_status(const char *json, size_t len, const char *field, size_t *ret_len)
{
    const char *end = json + len, *status = find(json, len, "status");
    const char *at = status ? find(status, (size_t)(end - status), field) : NULL;
    if (!at || at == end || *at != '"')
        return NULL;
    const char *behind = skip_string(at, end);
    if (!behind)
        return NULL;
    *ret_len = (size_t)(behind - at) - 2;
    return at + 1;
}
