#include "common/schema/walk.h"

#include "common/base/str.h"

#include <ctype.h>
#include <stdio.h>

enum { REASON_MAX = 1024 };

void walk_init(struct schema_walk *walk, unsigned flags, struct diags *diags)
{
    *walk = (struct schema_walk){.diags = diags, .flags = flags};
    buf_init(&walk->path, 0);
}

void walk_done(struct schema_walk *walk)
{
    buf_done(&walk->path);
}

size_t walk_enter(struct schema_walk *walk, const char *field)
{
    size_t mark = walk->path.len;
    if (mark > 0)
        buf_addc(&walk->path, '.');
    buf_addstr(&walk->path, field);
    return mark;
}

static bool is_word(const char *key)
{
    for (const char *s = key; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-')
            return false;
    return *key;
}

size_t walk_enter_key(struct schema_walk *walk, const char *key)
{
    if (is_word(key))
        return walk_enter(walk, key);
    size_t mark = walk->path.len;
    buf_addf(&walk->path, "[\"%.253s\"]", key);
    return mark;
}

size_t walk_enter_item(struct schema_walk *walk, size_t i)
{
    size_t mark = walk->path.len;
    buf_addf(&walk->path, "[%zu]", i);
    return mark;
}

void walk_leave(struct schema_walk *walk, size_t mark)
{
    walk->path.len = mark;
    if (walk->path.data)
        walk->path.data[mark] = '\0';
}

static void add(struct schema_walk *walk, int line, const char *cause, const char *fmt,
                va_list args)
{
    char reason[REASON_MAX];
    vsnprintf(reason, sizeof(reason), fmt, args);
    diags_add(walk->diags, line, buf_str(&walk->path), cause, "%s", reason);
    walk->mistakes++;
}

void walk_mistake(struct schema_walk *walk, int line, const char *cause, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(walk, line, cause, fmt, args);
    va_end(args);
}

void schema_mistake(struct schema_walk *walk, const struct value *at, const char *sub,
                    const char *cause, const char *fmt, ...)
{
    size_t mark = walk->path.len;
    if (!str_empty(sub))
        mark = walk_enter(walk, sub);
    va_list args;
    va_start(args, fmt);
    add(walk, value_line(at ? at : walk->object), cause, fmt, args);
    va_end(args);
    walk_leave(walk, mark);
}

const char *schema_sub_key(const char *map, const char *key, char ret[static SCHEMA_SUB_LEN])
{
    snprintf(ret, SCHEMA_SUB_LEN, is_word(key) ? "%.60s.%.253s" : "%.60s[\"%.253s\"]", map, key);
    return ret;
}
