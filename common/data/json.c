#include "common/data/json.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/limits.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

/* Why this is not cJSON: decisions/0001-json-parser.md. */
struct parser {
    const char *at, *end;
    int line;
    size_t nodes;
    struct err *err;
};

static int bad(struct parser *p, const char *what)
{
    return err_set(p->err, -EINVAL, "line %d: %s", p->line, what);
}

static void skip_space(struct parser *p)
{
    for (; p->at < p->end; p->at++) {
        if (*p->at == '\n')
            p->line++;
        else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r')
            return;
    }
}

/* Skips space, and takes `c` if it comes next. */
static bool take(struct parser *p, char c)
{
    skip_space(p);
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

static int parse_hex4(struct parser *p, uint32_t *ret)
{
    uint8_t bytes[2];
    if (p->end - p->at < 4 || hex_decode(p->at, 4, bytes, 2) < 0)
        return bad(p, "\\u must be followed by four hexadecimal digits");
    p->at += 4;
    *ret = (uint32_t)bytes[0] << 8 | bytes[1];
    return 0;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[more] | c);
    return more + 1;
}

/* After "\u". Surrogates come in pairs (RFC 8259 section 7). */
static int parse_unicode(struct parser *p, char **out)
{
    uint32_t c, low;
    int r = parse_hex4(p, &c);
    if (r < 0)
        return r;
    if (c == 0 && !WEAKENED(JSON_NUL))
        return bad(p, "a string may not hold a NUL (\\u0000)");
    if (c >= 0xdc00 && c <= 0xdfff)
        return bad(p, "a low surrogate without a high one");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
            return bad(p, "a high surrogate without a low one");
        p->at += 2;
        r = parse_hex4(p, &low);
        if (r < 0)
            return r;
        if (low < 0xdc00 || low > 0xdfff)
            return bad(p, "a high surrogate without a low one");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *out += put_utf8(*out, c);
    return 0;
}

static int parse_escape(struct parser *p, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (p->at == p->end)
        return bad(p, "a string that does not end");
    char c = *p->at++;
    if (c == 'u')
        return parse_unicode(p, out);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return bad(p, "an unknown escape in a string");
    *(*out)++ = to[found - from];
    return 0;
}

/* After the opening quote. The text never grows: the longest escape's result is shorter than it. */
static int parse_string(struct parser *p, char **ret)
{
    const char *close = p->at;
    while (close < p->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= p->end)
        return bad(p, "a string that does not end");
    autofree char *s = xmalloc((size_t)(close - p->at) + 1);
    char *out = s;
    while (p->at < close) {
        if ((unsigned char)*p->at < 0x20)
            return bad(p, "a control character in a string: write it as an escape");
        if (*p->at != '\\') {
            *out++ = *p->at++;
            continue;
        }
        p->at++;
        int r = parse_escape(p, &out);
        if (r < 0)
            return r;
    }
    p->at++;
    *out = '\0';
    *ret = steal(s);
    return 0;
}

static const char *digits(const char *s, const char *end)
{
    while (s < end && *s >= '0' && *s <= '9')
        s++;
    return s;
}

/* The end of the number at s, or NULL where the grammar of RFC 8259 section 6 is broken. */
static const char *scan_number(const char *s, const char *end, bool *ret_whole)
{
    *ret_whole = true;
    if (s < end && *s == '-')
        s++;
    const char *from = s;
    s = digits(s, end);
    if (s == from || (*from == '0' && s > from + 1))
        return NULL;
    if (s < end && *s == '.') {
        *ret_whole = false;
        from = ++s;
        s = digits(s, end);
        if (s == from)
            return NULL;
    }
    if (s < end && (*s == 'e' || *s == 'E')) {
        *ret_whole = false;
        s++;
        if (s < end && (*s == '+' || *s == '-'))
            s++;
        from = s;
        s = digits(s, end);
        if (s == from)
            return NULL;
    }
    return s;
}

static int parse_number(struct parser *p, struct value **ret)
{
    bool whole;
    const char *end = scan_number(p->at, p->end, &whole);
    if (!end)
        return bad(p, "not a value of JSON");
    if (end - p->at > DATA_MAX_NUMBER)
        return bad(p, "a number with too many digits");
    char text[DATA_MAX_NUMBER + 1] = {0};
    memcpy(text, p->at, (size_t)(end - p->at));
    int64_t i;
    if (whole && str_to_i64(text, &i) == 0) {
        *ret = value_new_int(i);
    } else {
        double f = strtod(text, NULL);
        if (!isfinite(f))
            return bad(p, "a number that is too large");
        *ret = value_new_float(f);
    }
    p->at = end;
    return 0;
}

static int parse_literal(struct parser *p, struct value **ret)
{
    static const struct {
        const char *text;
        enum value_type type;
        bool b;
    } literals[] = {
        {"null", VALUE_NULL, false}, {"true", VALUE_BOOL, true}, {"false", VALUE_BOOL, false}};
    for (size_t i = 0; i < ARRAY_LEN(literals); i++) {
        size_t len = strlen(literals[i].text);
        if ((size_t)(p->end - p->at) < len || memcmp(p->at, literals[i].text, len) != 0)
            continue;
        p->at += len;
        *ret = literals[i].type == VALUE_NULL ? value_new_null() : value_new_bool(literals[i].b);
        return 0;
    }
    return parse_number(p, ret);
}

static int parse_value(struct parser *p, int depth, struct value **ret);

/* After '['. */
static int parse_list(struct parser *p, int depth, struct value **ret)
{
    cleanup(value_free) struct value *list = value_new_list();
    while (!(value_len(list) == 0 && take(p, ']'))) {
        struct value *item;
        int r = parse_value(p, depth, &item);
        if (r < 0)
            return r;
        value_append(list, item);
        if (take(p, ']'))
            break;
        if (!take(p, ','))
            return bad(p, "expected ',' or ']' in a list");
    }
    *ret = steal(list);
    return 0;
}

static int parse_member(struct parser *p, int depth, struct value *map)
{
    if (!take(p, '"'))
        return bad(p, "expected a key in double quotes");
    int line = p->line, r;
    autofree char *key = NULL;
    struct value *item;
    if ((r = parse_string(p, &key)) < 0)
        return r;
    if (value_get(map, key) && !WEAKENED(JSON_DUPLICATE_KEY))
        return err_set(p->err, -EINVAL, "line %d: the key \"%.64s\" comes twice", line, key);
    if (!take(p, ':'))
        return bad(p, "expected ':' after a key");
    if ((r = parse_value(p, depth, &item)) < 0)
        return r;
    value_set(map, key, item);
    value_set_key_line(map, key, line);
    return 0;
}

/* After '{'. */
static int parse_map(struct parser *p, int depth, struct value **ret)
{
    cleanup(value_free) struct value *map = value_new_map();
    while (!(value_len(map) == 0 && take(p, '}'))) {
        int r = parse_member(p, depth, map);
        if (r < 0)
            return r;
        if (take(p, '}'))
            break;
        if (!take(p, ','))
            return bad(p, "expected ',' or '}' in an object");
    }
    *ret = steal(map);
    return 0;
}

static int parse_value(struct parser *p, int depth, struct value **ret)
{
    skip_space(p);
    if (p->at == p->end)
        return bad(p, "the text ends too early");
    if (depth == DATA_MAX_DEPTH && (*p->at == '[' || *p->at == '{') && !WEAKENED(JSON_DEPTH))
        return err_set(p->err, -E2BIG, "line %d: nested more than %d deep", p->line,
                       DATA_MAX_DEPTH);
    if (++p->nodes > DATA_MAX_NODES && !WEAKENED(JSON_NODES))
        return err_set(p->err, -E2BIG, "line %d: more than %d values", p->line, DATA_MAX_NODES);
    int line = p->line, r;
    char *s;
    switch (*p->at) {
    case '[':
        p->at++;
        r = parse_list(p, depth + 1, ret);
        break;
    case '{':
        p->at++;
        r = parse_map(p, depth + 1, ret);
        break;
    case '"':
        p->at++;
        r = parse_string(p, &s);
        if (r == 0)
            *ret = value_adopt_str(s);
        break;
    default:
        r = parse_literal(p, ret);
    }
    if (r == 0)
        value_set_line(*ret, line);
    return r;
}

int json_parse(const char *text, size_t len, struct value **ret, struct err *err)
{
    if (len > DATA_MAX_BYTES)
        return err_set(err, -E2BIG, "%zu bytes: must be at most %d", len, DATA_MAX_BYTES);
    if (!str_is_utf8(text, len))
        return err_set(err, -EINVAL, "not UTF-8, or holds a NUL");
    struct parser p = {.at = text, .end = text + len, .line = 1, .err = err};
    cleanup(value_free) struct value *value = NULL;
    int r = parse_value(&p, 0, &value);
    if (r < 0)
        return r;
    skip_space(&p);
    if (p.at < p.end)
        return bad(&p, "more text after the end of the document");
    *ret = steal(value);
    return 0;
}

struct writer {
    struct buf *out;
    bool sorted, pretty;
};

static int write_string(struct buf *out, const char *s)
{
    int r = buf_addc(out, '"');
    const char *plain = s;
    for (; r == 0 && *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        r = buf_add(out, plain, (size_t)(s - plain));
        static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
        const char *found = strchr(from, c);
        if (r == 0)
            r = found ? buf_addf(out, "\\%c", to[found - from]) : buf_addf(out, "\\u%04x", c);
        plain = s + 1;
    }
    if (r == 0)
        r = buf_add(out, plain, (size_t)(s - plain));
    return r < 0 ? r : buf_addc(out, '"');
}

void json_format_float(double f, char ret[static 32])
{
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(ret, 32, "%.*g", precision, f);
        double back = strtod(ret, NULL);
        if (!(back < f) && !(back > f))
            break;
    }
    if (!strpbrk(ret, ".e")) /* keeps it a float when it is read again */
        strcat(ret, ".0");
}

static int write_float(struct buf *out, double f)
{
    char text[32];
    json_format_float(f, text);
    return buf_addstr(out, text);
}

static int write_break(const struct writer *w, int depth)
{
    if (!w->pretty)
        return 0;
    return buf_addf(w->out, "\n%*s", depth * 4, "");
}

static int by_key(const void *a, const void *b, void *map)
{
    return strcmp(value_key_at(map, *(const size_t *)a), value_key_at(map, *(const size_t *)b));
}

/* The order in which to write a map's entries; NULL for the map's own. Caller frees. */
static size_t *sorted_order(const struct writer *w, const struct value *map)
{
    size_t len = value_len(map);
    if (!w->sorted || len < 2)
        return NULL;
    size_t *order = xreallocarray(NULL, len, sizeof(*order));
    for (size_t i = 0; i < len; i++)
        order[i] = i;
    qsort_r(order, len, sizeof(*order), by_key, (void *)map);
    return order;
}

static int write_value(const struct writer *w, const struct value *value, int depth);

static int write_items(const struct writer *w, const struct value *value, int depth)
{
    bool map = value_type(value) == VALUE_MAP;
    size_t len = value_len(value);
    autofree size_t *order = map ? sorted_order(w, value) : NULL;
    int r = buf_addc(w->out, map ? '{' : '[');
    for (size_t n = 0; n < len && r == 0; n++) {
        size_t i = order ? order[n] : n;
        if (n > 0)
            r = buf_addc(w->out, ',');
        if (r == 0)
            r = write_break(w, depth + 1);
        if (r == 0 && map)
            r = write_string(w->out, value_key_at(value, i));
        if (r == 0 && map)
            r = buf_addstr(w->out, w->pretty ? ": " : ":");
        if (r == 0)
            r = write_value(w, value_at(value, i), depth + 1);
    }
    if (r == 0 && len > 0)
        r = write_break(w, depth);
    return r < 0 ? r : buf_addc(w->out, map ? '}' : ']');
}

static int write_value(const struct writer *w, const struct value *value, int depth)
{
    switch (value_type(value)) {
    case VALUE_NULL:
        return buf_addstr(w->out, "null");
    case VALUE_BOOL:
        return buf_addstr(w->out, value_bool(value, false) ? "true" : "false");
    case VALUE_INT:
        return buf_addf(w->out, "%lld", (long long)value_int(value, 0));
    case VALUE_FLOAT:
        return write_float(w->out, value_float(value, 0));
    case VALUE_STRING:
        return write_string(w->out, value_str(value));
    case VALUE_LIST:
    case VALUE_MAP:
        return write_items(w, value, depth);
    }
    return -EINVAL;
}

int json_write(const struct value *value, struct buf *ret)
{
    return write_value(&(struct writer){.out = ret}, value, 0);
}

int json_write_canonical(const struct value *value, struct buf *ret)
{
    return write_value(&(struct writer){.out = ret, .sorted = true}, value, 0);
}

int json_write_pretty(const struct value *value, struct buf *ret)
{
    int r = write_value(&(struct writer){.out = ret, .pretty = true}, value, 0);
    return r < 0 ? r : buf_addc(ret, '\n');
}
