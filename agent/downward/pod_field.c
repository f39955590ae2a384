#include "agent/downward/pod_field.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/utf8.h"

#include <stdlib.h>

static const char *const maps[] = {"labels", "annotations"};

/* strconv.Quote of Go, which is how a kubelet writes values: what is not printable is escaped. */
static size_t quote_one(const char *p, struct buf *ret)
{
    static const char plain[] = "\a\b\f\n\r\t\v\\\"", names[] = "abfnrtv\\\"";
    unsigned char c = (unsigned char)*p;
    const char *special = strchr(plain, *p);
    size_t len = utf8_seq(p, strlen(p));
    if (special)
        (void)buf_addf(ret, "\\%c", names[special - plain]);
    else if (c < 0x20 || c == 0x7f || len == 0)
        (void)buf_addf(ret, "\\x%02x", c);
    else if (c == 0xc2 && ((unsigned char)p[1] <= 0xa0 || (unsigned char)p[1] == 0xad))
        (void)buf_addf(ret, "\\u00%02x", (unsigned char)p[1]); /* C1, and the blanks of Latin-1 */
    else
        (void)buf_add(ret, p, len);
    return len ? len : 1;
}

static void quote(const char *text, struct buf *ret)
{
    (void)buf_addc(ret, '"');
    for (const char *p = text; *p;)
        p += quote_one(p, ret);
    (void)buf_addc(ret, '"');
}

struct pair {
    const char *key, *text;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static char *whole_map(const struct value *map)
{
    size_t count = value_len(map);
    autofree struct pair *pairs = xcalloc(count + 1, sizeof(*pairs));
    for (size_t i = 0; i < count; i++) {
        const char *text = value_str(value_at(map, i));
        pairs[i] = (struct pair){value_key_at(map, i), text ? text : ""};
    }
    qsort(pairs, count, sizeof(*pairs), compare);
    cleanup(buf_done) struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < count; i++) {
        (void)buf_addf(&out, "%s%s=", i ? "\n" : "", pairs[i].key);
        quote(pairs[i].text, &out);
    }
    return buf_steal(&out, NULL);
}

/* metadata.labels['key'] and metadata.annotations['key']. */
static char *subscript(const struct value *pod, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        autofree char *prefix = xasprintf("metadata.%s['", maps[i]);
        if (!str_has_prefix(path, prefix) || !str_has_suffix(path, "']"))
            continue;
        size_t begin = strlen(prefix), end = strlen(path) - 2;
        if (end < begin)
            return NULL;
        autofree char *key = xstrndup(path + begin, end - begin);
        const char *text = value_str(value_path(pod, "metadata", maps[i], key, NULL));
        return xstrdup(text ? text : "");
    }
    return NULL;
}

char *pod_field_text(const struct value *pod, const char *path)
{
    static const char *const plain[] = {"name", "namespace", "uid"};
    const struct value *meta = value_get(pod, "metadata");
    const char *field = str_has_prefix(path, "metadata.") ? path + strlen("metadata.") : "";
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        const char *text = value_get_str(meta, plain[i]);
        if (str_eq(field, plain[i]))
            return xstrdup(text ? text : "");
    }
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        if (str_eq(field, maps[i]))
            return whole_map(value_get(meta, maps[i]));
    return subscript(pod, path);
}
