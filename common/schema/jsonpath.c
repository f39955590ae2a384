#include "common/schema/jsonpath.h"

#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 256

struct walk {
    jsonpath_fn *fn;
    void *ctx;
    size_t found;
};

static int step(struct walk *walk, const char *path, const struct value *value);

/* Up to one of `ends`; '\' takes what follows as it is. NULL: too long. */
static const char *take_name(const char *s, const char *ends, char ret[static NAME_MAX_LEN])
{
    size_t len = 0;
    while (*s && !strchr(ends, *s)) {
        s += *s == '\\' && s[1];
        if (len + 1 == NAME_MAX_LEN)
            return NULL;
        ret[len++] = *s++;
    }
    ret[len] = '\0';
    return s;
}

static int go(struct walk *walk, const char *path, const struct value *value)
{
    return value && walk->found < JSONPATH_MAX ? step(walk, path, value) : 0;
}

static int each_item(struct walk *walk, const char *path, const struct value *value)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < value_len(value); i++)
        r = go(walk, path, value_at(value, i));
    return r;
}

/* The value at "a.b" below an item. */
static const struct value *below(const struct value *item, const char *dotted)
{
    char name[NAME_MAX_LEN];
    while (*dotted && item) {
        dotted = take_name(dotted + (*dotted == '.'), ".", name);
        if (!dotted)
            return NULL;
        item = value_get(item, name);
    }
    return item;
}

/* Behind "[?(@": items of which a field equals a text, number or truth. */
static int filter(struct walk *walk, const char *path, const struct value *value)
{
    char field[NAME_MAX_LEN], wanted[NAME_MAX_LEN];
    path = take_name(path, "= )", field);
    if (!path)
        return -EINVAL;
    path += strspn(path, " ");
    if (strncmp(path, "==", 2) != 0)
        return -EINVAL;
    path += 2 + strspn(path + 2, " ");
    bool quoted = *path == '"' || *path == '\'';
    const char ends[] = {quoted ? *path : ')', '\0'};
    path = take_name(path + quoted, ends, wanted);
    path = path && quoted ? path + 1 : path;
    if (!path || strncmp(path, ")]", 2) != 0)
        return -EINVAL;
    int r = 0;
    for (size_t i = 0; r == 0 && i < value_len(value); i++) {
        const struct value *is = below(value_at(value, i), field);
        int64_t number;
        bool equal = str_eq(value_str(is), wanted);
        if (!quoted && value_type(is) == VALUE_INT)
            equal = str_to_i64(wanted, &number) == 0 && number == value_int(is, 0);
        if (!quoted && value_type(is) == VALUE_BOOL)
            equal = str_eq(wanted, value_bool(is, false) ? "true" : "false");
        if (equal)
            r = go(walk, path + 2, value_at(value, i));
    }
    return r;
}

/* Behind '['. */
static int bracket(struct walk *walk, const char *path, const struct value *value)
{
    char name[NAME_MAX_LEN];
    if (*path == '\'' || *path == '"') {
        const char ends[] = {*path, '\0'};
        path = take_name(path + 1, ends, name);
        return path && path[0] && path[1] == ']' ? go(walk, path + 2, value_get(value, name))
                                                 : -EINVAL;
    }
    if (strncmp(path, "*]", 2) == 0)
        return each_item(walk, path + 2, value);
    if (strncmp(path, "?(@", 3) == 0)
        return filter(walk, path + 3, value);
    char *end;
    long i = strtol(path, &end, 10);
    if (end == path || *end != ']')
        return -EINVAL;
    if (value_type(value) != VALUE_LIST)
        return 0;
    long len = (long)value_len(value);
    i = i < 0 ? i + len : i;
    return i >= 0 && i < len ? go(walk, end + 1, value_at(value, (size_t)i)) : 0;
}

/* As deep as the path has steps, of which each has a character: bounded by who stores it. */
static int step(struct walk *walk, const char *path, const struct value *value)
{
    char name[NAME_MAX_LEN];
    if (!*path) {
        walk->found++;
        walk->fn(walk->ctx, value);
        return 0;
    }
    if (*path == '[')
        return bracket(walk, path + 1, value);
    path += *path == '.';
    if (*path == '*')
        return each_item(walk, path + 1, value);
    path = take_name(path, ".[", name);
    return path && *name ? go(walk, path, value_get(value, name)) : -EINVAL;
}

int jsonpath_each(const char *path, const struct value *value, jsonpath_fn *fn, void *ctx)
{
    struct walk walk = {.fn = fn, .ctx = ctx};
    return strlen(path) > 1024 ? -EINVAL : step(&walk, path, value);
}
