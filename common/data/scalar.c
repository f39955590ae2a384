#include "common/data/scalar.h"

#include "common/base/str.h"
#include "common/data/limits.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

enum word { WORD_NULL, WORD_FALSE, WORD_TRUE, WORD_NOT_FINITE };

static const struct {
    const char *text;
    enum word word;
} words[] = {
    {"", WORD_NULL},
    {"~", WORD_NULL},
    {"null", WORD_NULL},
    {"Null", WORD_NULL},
    {"NULL", WORD_NULL},
    {"true", WORD_TRUE},
    {"True", WORD_TRUE},
    {"TRUE", WORD_TRUE},
    {"yes", WORD_TRUE},
    {"Yes", WORD_TRUE},
    {"YES", WORD_TRUE},
    {"on", WORD_TRUE},
    {"On", WORD_TRUE},
    {"ON", WORD_TRUE},
    {"false", WORD_FALSE},
    {"False", WORD_FALSE},
    {"FALSE", WORD_FALSE},
    {"no", WORD_FALSE},
    {"No", WORD_FALSE},
    {"NO", WORD_FALSE},
    {"off", WORD_FALSE},
    {"Off", WORD_FALSE},
    {"OFF", WORD_FALSE},
    {".nan", WORD_NOT_FINITE},
    {".NaN", WORD_NOT_FINITE},
    {".NAN", WORD_NOT_FINITE},
    {".inf", WORD_NOT_FINITE},
    {".Inf", WORD_NOT_FINITE},
    {".INF", WORD_NOT_FINITE},
    {"+.inf", WORD_NOT_FINITE},
    {"+.Inf", WORD_NOT_FINITE},
    {"+.INF", WORD_NOT_FINITE},
    {"-.inf", WORD_NOT_FINITE},
    {"-.Inf", WORD_NOT_FINITE},
    {"-.INF", WORD_NOT_FINITE},
};

/* Base by prefix: 0x, 0o, 0b, a leading zero for octal. */
static int parse_int(const char *text, int64_t *ret)
{
    const char *s = text + (*text == '-' || *text == '+');
    int base = 10;
    if (s[0] == '0' && s[1]) {
        static const struct {
            char letter;
            int base;
        } prefixes[] = {{'x', 16}, {'X', 16}, {'o', 8}, {'O', 8}, {'b', 2}, {'B', 2}};
        base = 8;
        s++;
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
            if (*s == prefixes[i].letter) {
                base = prefixes[i].base;
                s++;
                break;
            }
    }
    if (!isalnum((unsigned char)*s)) /* strtoull would take a second sign or spaces */
        return -EINVAL;
    char *end;
    errno = 0;
    uint64_t magnitude = strtoull(s, &end, base);
    if (*end)
        return -EINVAL;
    bool negative = *text == '-';
    if (errno == ERANGE || magnitude > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool looks_float(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t whole = strspn(s, "0123456789"), fraction = 0;
    s += whole;
    if (*s == '.') {
        fraction = strspn(++s, "0123456789");
        s += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        size_t exponent = strspn(s, "0123456789");
        return exponent > 0 && !s[exponent];
    }
    return !*s;
}

static struct value *resolve_number(const char *text)
{
    char plain[DATA_MAX_NUMBER + 1];
    size_t len = 0;
    for (const char *s = text; *s; s++) {
        if (*s == '_') /* 1_000 */
            continue;
        if (len == DATA_MAX_NUMBER)
            return value_new_str(text);
        plain[len++] = *s;
    }
    plain[len] = '\0';
    int64_t i;
    if (parse_int(plain, &i) == 0)
        return value_new_int(i);
    if (!looks_float(plain))
        return value_new_str(text);
    double f = strtod(plain, NULL);
    return isfinite(f) ? value_new_float(f) : NULL;
}

struct value *scalar_resolve(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i].text) != 0)
            continue;
        if (words[i].word == WORD_NOT_FINITE)
            return NULL;
        return words[i].word == WORD_NULL ? value_new_null()
                                          : value_new_bool(words[i].word == WORD_TRUE);
    }
    return strchr("+-.0123456789", *text) ? resolve_number(text) : value_new_str(text);
}
