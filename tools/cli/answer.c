#include "tools/cli/answer.h"

#include "common/base/mem.h"
#include "common/data/json.h"

#include <errno.h>
#include <string.h>

struct scan {
    const char *at, *end;
};

static void skip_space(struct scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at)
        s->at++;
}

static bool take(struct scan *s, char c)
{
    skip_space(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static void skip_string(struct scan *s)
{
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
        if (*s->at == '\\' && s->at + 1 < s->end)
            s->at++;
    if (s->at < s->end)
        s->at++;
}

/* Over one value: only its extent; that it is JSON is json_parse's to say. */
static void skip_value(struct scan *s)
{
    size_t depth = 0;
    do {
        skip_space(s);
        if (s->at == s->end)
            return;
        char c = *s->at;
        if (c == '"') {
            skip_string(s);
            if (depth == 0)
                return;
            continue;
        }
        if (depth == 0 && strchr(",]}", c))
            return;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        s->at++;
        if (depth == 0 && strchr("}]", c))
            return;
    } while (depth > 0 || (s->at < s->end && !strchr(",]} \t\r\n", *s->at)));
}

static int parse_span(struct scan *s, struct value **ret, struct err *err)
{
    skip_space(s);
    const char *from = s->at;
    skip_value(s);
    return json_parse(from, (size_t)(s->at - from), ret, err);
}

static int bad(struct err *err)
{
    return err_set(err, -EINVAL, "the answer is not JSON");
}

/* Behind the '['. */
static int parse_items(struct scan *s, struct value **ret, struct err *err)
{
    cleanup(value_free) struct value *list = value_new_list();
    if (!take(s, ']')) {
        do {
            struct value *item;
            int rc = parse_span(s, &item, err);
            if (rc < 0)
                return rc;
            value_append(list, item);
        } while (take(s, ','));
        if (!take(s, ']'))
            return bad(err);
    }
    *ret = steal(list);
    return 0;
}

static int parse_member(struct scan *s, struct value *map, struct err *err)
{
    cleanup(value_free) struct value *key = NULL, *value = NULL;
    skip_space(s);
    int rc = parse_span(s, &key, err);
    if (rc < 0)
        return rc;
    if (!value_str(key) || !take(s, ':') || value_get(map, value_str(key)))
        return bad(err);
    rc = take(s, '[') ? parse_items(s, &value, err) : parse_span(s, &value, err);
    if (rc == 0)
        value_set(map, value_str(key), steal(value));
    return rc;
}

int answer_parse(const char *text, size_t len, struct value **ret, struct err *err)
{
    struct scan s = {text, text + len};
    if (!take(&s, '{'))
        return json_parse(text, len, ret, err);
    cleanup(value_free) struct value *map = value_new_map();
    if (!take(&s, '}')) {
        do {
            int rc = parse_member(&s, map, err);
            if (rc < 0)
                return rc;
        } while (take(&s, ','));
        if (!take(&s, '}'))
            return bad(err);
    }
    skip_space(&s);
    if (s.at != s.end)
        return bad(err);
    *ret = steal(map);
    return 0;
}
