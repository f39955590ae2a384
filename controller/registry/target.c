#include "controller/registry/target.h"

#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_low(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* What may stand between two letters: ".", "_", "__" or dashes; its length, or 0. */
static size_t separator(const char *s)
{
    if (*s == '-')
        return strspn(s, "-");
    if (s[0] == '_')
        return s[1] == '_' ? 2 : 1;
    return *s == '.' ? 1 : 0;
}

bool repository_valid(const char *name)
{
    if (strlen(name) > REPOSITORY_MAX)
        return false;
    for (const char *at = name;;) {
        if (!is_low(*at))
            return false;
        while (is_low(*at))
            at++;
        if (!*at)
            return true;
        size_t between = *at == '/' ? 1 : separator(at);
        if (between == 0)
            return false;
        at += between;
    }
}

bool tag_valid(const char *tag)
{
    size_t len = strlen(tag);
    if (len == 0 || len > TAG_MAX || *tag == '.' || *tag == '-')
        return false;
    for (const char *at = tag; *at; at++)
        if (!is_low(*at) && !(*at >= 'A' && *at <= 'Z') && !strchr("_.-", *at))
            return false;
    return true;
}

static bool is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

bool digest_valid(const char *digest)
{
    static const char prefix[] = "sha256:";
    return str_has_prefix(digest, prefix) &&
           is_hex(digest + sizeof(prefix) - 1, DIGEST_LEN - (sizeof(prefix) - 1));
}

bool upload_id_valid(const char *id)
{
    return is_hex(id, UPLOAD_ID_LEN);
}

/* ---- paths ---- */

/* The ends of a path, and how many of its last segments they are; "*" is any one. */
static const struct {
    const char *segments[3];
    size_t count;
    enum target_what what;
} ends[] = {
    {{"tags", "list"}, 2, TARGET_TAGS},        {{"manifests", "*"}, 2, TARGET_MANIFEST},
    {{"blobs", "uploads"}, 2, TARGET_UPLOADS}, {{"blobs", "uploads", "*"}, 3, TARGET_UPLOAD},
    {{"blobs", "*"}, 2, TARGET_BLOB},          {{"referrers", "*"}, 2, TARGET_REFERRERS},
};

static bool ends_with(const struct url *url, const char *const *segments, size_t count)
{
    if (url->segment_count < count + 2) /* "v2" and a name */
        return false;
    char *const *last = url->segments + url->segment_count - count;
    for (size_t i = 0; i < count; i++)
        if (!str_eq(segments[i], "*") && !str_eq(segments[i], last[i]))
            return false;
    return true;
}

/* The segments from 1 to `end`, joined. */
static bool read_repository(const struct url *url, size_t end, char ret[REPOSITORY_MAX + 1])
{
    size_t len = 0;
    for (size_t i = 1; i < end; i++) {
        int n = snprintf(ret + len, REPOSITORY_MAX + 1 - len, "%s%s", i > 1 ? "/" : "",
                         url->segments[i]);
        len += (size_t)n;
        if (n < 0 || len > REPOSITORY_MAX)
            return false;
    }
    return repository_valid(ret);
}

enum target_mistake target_find(const struct url *url, struct target *ret)
{
    *ret = (struct target){.reference = ""};
    if (url->segment_count == 0 || !str_eq(url->segments[0], "v2"))
        return TARGET_UNKNOWN;
    if (url->segment_count == 1) {
        ret->what = TARGET_BASE;
        return TARGET_FINE;
    }
    if (url->segment_count == 2 && str_eq(url->segments[1], "_catalog")) {
        ret->what = TARGET_CATALOG;
        return TARGET_FINE;
    }
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (!ends_with(url, ends[i].segments, ends[i].count))
            continue;
        if (!read_repository(url, url->segment_count - ends[i].count, ret->repository))
            return TARGET_BAD_NAME;
        ret->what = ends[i].what;
        ret->reference = url->segments[url->segment_count - 1];
        return TARGET_FINE;
    }
    return TARGET_UNKNOWN;
}

/* ---- ranges ---- */

/* Digits up to one of `stops` or the end. */
static int number(const char **at, const char *stops, uint64_t *ret)
{
    char digits[21];
    size_t len = strcspn(*at, stops);
    if (len == 0 || len >= sizeof(digits))
        return -EINVAL;
    memcpy(digits, *at, len);
    digits[len] = '\0';
    *at += len;
    return str_to_u64(digits, ret);
}

int chunk_range_parse(const char *text, uint64_t *ret_first, uint64_t *ret_last)
{
    const char *at = str_has_prefix(text, "bytes ") ? text + strlen("bytes ") : text;
    uint64_t first, last;
    if (number(&at, "-", &first) != 0 || *at++ != '-' || number(&at, "/", &last) != 0)
        return -EINVAL;
    if (last < first || last - first == UINT64_MAX)
        return -EINVAL;
    *ret_first = first;
    *ret_last = last;
    return 0;
}

int byte_range_parse(const char *text, uint64_t size, uint64_t *ret_first, uint64_t *ret_len)
{
    static const char unit[] = "bytes=";
    uint64_t first = 0, last = size - 1;
    if (!text || strncasecmp(text, unit, sizeof(unit) - 1) != 0 || strchr(text, ','))
        return 0;
    const char *at = text + sizeof(unit) - 1;
    if (*at == '-') { /* so many from the end */
        at++;
        if (number(&at, "", &last) != 0)
            return 0;
        if (last == 0 || size == 0)
            return -ERANGE;
        *ret_len = last < size ? last : size;
        *ret_first = size - *ret_len;
        return 1;
    }
    if (number(&at, "-", &first) != 0 || *at++ != '-')
        return 0;
    if (*at && (number(&at, "", &last) != 0 || last < first))
        return 0;
    if (first >= size)
        return -ERANGE;
    if (last >= size)
        last = size - 1;
    *ret_first = first;
    *ret_len = last - first + 1;
    return 1;
}
