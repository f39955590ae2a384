#include "tests/fuzz/json/oracle.h"

#include "common/data/limits.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CJSON_NUMBER 63 /* characters of a number that cJSON looks at */

/* Why json_parse may refuse what cJSON takes; NULL: no reason was found. */
struct reasons {
    const char *why;
    bool long_number; /* where cJSON goes wrong by itself */
};

static void blame(struct reasons *reasons, const char *why)
{
    if (!reasons->why)
        reasons->why = why;
}

/* ---- the text ---- */

static bool is_utf8(const char *text, size_t len)
{
    iconv_t cd = iconv_open("UTF-32LE", "UTF-8");
    char *in = (char *)text;
    bool good = true;
    while (len > 0 && good) {
        char out[4096], *to = out;
        size_t room = sizeof(out);
        good = iconv(cd, &in, &len, &to, &room) != (size_t)-1 || errno == E2BIG;
    }
    iconv_close(cd);
    return good;
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && isdigit((unsigned char)*p))
        p++;
    return p;
}

/* RFC 8259, section 6. */
static bool is_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    const char *from = p;
    p = digits(p, end);
    if (p == from || (*from == '0' && p - from > 1))
        return false;
    if (p < end && *p == '.') {
        from = ++p;
        if ((p = digits(p, end)) == from)
            return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        from = p;
        if ((p = digits(p, end)) == from)
            return false;
    }
    return p == end;
}

static const char *see_number(const char *p, const char *end, struct reasons *ret)
{
    const char *from = p;
    while (p < end && *p && strchr("0123456789+-.eE", *p))
        p++;
    ret->long_number |= p - from > CJSON_NUMBER;
    if (!is_number(from, p))
        blame(ret, "a number that is none of JSON's");
    return p;
}

static const char *see_escape(const char *p, const char *end, struct reasons *ret)
{
    if (end - p < 6 || p[1] != 'u')
        return end - p < 2 ? end : p + 2;
    for (int i = 2; i < 6; i++)
        if (!isxdigit((unsigned char)p[i])) {
            blame(ret, "an escape that is not hexadecimal");
            return p + 2;
        }
    if (memcmp(p + 2, "0000", 4) == 0)
        blame(ret, "an escaped NUL");
    return p + 6;
}

static const char *see_string(const char *p, const char *end, struct reasons *ret)
{
    for (p++; p < end && *p != '"';) {
        if ((unsigned char)*p < 0x20)
            blame(ret, "a control character in a string");
        p = *p == '\\' ? see_escape(p, end, ret) : p + 1;
    }
    return p < end ? p + 1 : end;
}

static void look_at_text(const char *text, size_t len, struct reasons *ret)
{
    const char *end = text + len;
    if (len > DATA_MAX_BYTES)
        blame(ret, "more than 1 MiB");
    if (memchr(text, '\0', len))
        blame(ret, "a NUL");
    if (!is_utf8(text, len))
        blame(ret, "not UTF-8");
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        blame(ret, "a byte order mark");
    for (const char *p = text; p < end;) {
        if (*p == '"')
            p = see_string(p, end, ret);
        else if (isdigit((unsigned char)*p) || *p == '-')
            p = see_number(p, end, ret);
        else if ((unsigned char)*p <= 0x20 && !strchr(" \t\r\n", *p))
            blame(ret, "a control character between values"), p++;
        else
            p++;
    }
}

/* ---- cJSON's tree ---- */

static bool is_twice(const cJSON *item)
{
    for (const cJSON *other = item->next; other; other = other->next)
        if (strcmp(item->string, other->string) == 0)
            return true;
    return false;
}

static void look_at_tree(const cJSON *item, int depth, size_t *count, struct reasons *ret)
{
    bool map = cJSON_IsObject(item);
    if (++*count > DATA_MAX_NODES)
        blame(ret, "more than 200,000 values");
    if (cJSON_IsNumber(item) && !isfinite(item->valuedouble))
        blame(ret, "a number beyond all doubles");
    if ((map || cJSON_IsArray(item)) && depth + 1 > DATA_MAX_DEPTH)
        blame(ret, "nested more than 64 deep");
    for (const cJSON *child = item->child; child; child = child->next) {
        if (map && !ret->why && is_twice(child))
            blame(ret, "a key that comes twice");
        look_at_tree(child, depth + 1, count, ret);
    }
}

static void look_behind(const char *p, const char *end, struct reasons *ret)
{
    for (; p < end; p++)
        if (!strchr(" \t\r\n", *p) || !*p)
            blame(ret, "more text behind the value");
}

/* ---- both trees ---- */

static bool same(const struct value *ours, const cJSON *theirs);

static bool same_items(const struct value *ours, const cJSON *theirs)
{
    const cJSON *child = theirs->child;
    for (size_t i = 0; i < value_len(ours); i++, child = child->next) {
        if (!child || !same(value_at(ours, i), child))
            return false;
        if (value_type(ours) == VALUE_MAP && strcmp(value_key_at(ours, i), child->string) != 0)
            return false;
    }
    return !child;
}

static bool same(const struct value *ours, const cJSON *theirs)
{
    switch (value_type(ours)) {
    case VALUE_NULL:
        return cJSON_IsNull(theirs);
    case VALUE_BOOL:
        return value_bool(ours, false) ? cJSON_IsTrue(theirs) : cJSON_IsFalse(theirs);
    case VALUE_INT:
    case VALUE_FLOAT:
        return cJSON_IsNumber(theirs) && value_float(ours, 0) == theirs->valuedouble;
    case VALUE_STRING:
        return cJSON_IsString(theirs) && strcmp(value_str(ours), theirs->valuestring) == 0;
    case VALUE_LIST:
        return cJSON_IsArray(theirs) && same_items(ours, theirs);
    case VALUE_MAP:
        return cJSON_IsObject(theirs) && same_items(ours, theirs);
    }
    return false;
}

static const char *judge(const struct value *ours, const cJSON *theirs,
                         const struct reasons *reasons)
{
    if (ours && reasons->why)
        return reasons->why;
    if (ours && !theirs)
        return "cJSON refuses what we take";
    if (ours && !same(ours, theirs))
        return "cJSON reads something else";
    if (!ours && theirs && !reasons->why)
        return "cJSON takes what we refuse, and no documented reason is found";
    return NULL;
}

bool oracle_agrees(const char *text, size_t len, const struct value *ours, char *why, size_t size)
{
    struct reasons reasons = {0};
    const char *end = text;
    size_t count = 0;
    look_at_text(text, len, &reasons);
    cJSON *theirs = reasons.long_number ? NULL : cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (theirs) {
        look_behind(end, text + len, &reasons);
        look_at_tree(theirs, 0, &count, &reasons);
    }
    const char *wrong = reasons.long_number ? NULL : judge(ours, theirs, &reasons);
    cJSON_Delete(theirs);
    if (wrong)
        snprintf(why, size, "%s%s", ours && wrong == reasons.why ? "we take: " : "", wrong);
    return !wrong;
}
