/* From the paths of mistakes (walk.c writes them) back to where they point. */

#include "common/schema/schema.h"

#include <stdlib.h>
#include <string.h>

/* A key or index as it stands in a path. */
struct step {
    const char *key; /* NULL: an index */
    size_t len, index;
};

/* Takes one step off the path; false at its end, or where it is none of ours. */
static bool next_step(const char **path, struct step *ret)
{
    const char *at = *path;
    *ret = (struct step){0};
    if (at[0] == '[' && at[1] == '"') {
        const char *end = strstr(at, "\"]");
        ret->key = at + 2;
        ret->len = end > ret->key ? (size_t)(end - ret->key) : 0;
        *path = end ? end + 2 : "";
        return end != NULL;
    }
    if (at[0] == '[') {
        char *end;
        ret->index = strtoul(at + 1, &end, 10);
        *path = end + 1;
        return *end == ']';
    }
    ret->key = at + (*at == '.');
    ret->len = strcspn(ret->key, ".[");
    *path = ret->key + ret->len;
    return ret->len > 0;
}

static const struct value *enter_key(const struct value *map, const struct step *step, int *line)
{
    for (size_t i = 0; value_type(map) == VALUE_MAP && i < value_len(map); i++) {
        const char *key = value_key_at(map, i);
        if (strlen(key) != step->len || memcmp(key, step->key, step->len) != 0)
            continue;
        *line = value_key_line_at(map, i);
        return value_at(map, i);
    }
    return NULL;
}

static const struct value *enter(const struct value *at, const struct step *step, int *line)
{
    if (step->key)
        return enter_key(at, step, line);
    const struct value *item = value_type(at) == VALUE_LIST ? value_at(at, step->index) : NULL;
    *line = value_line(item);
    return item;
}

int schema_line(const struct value *object, const char *path)
{
    int line = value_line(object), at = 0;
    struct step step;
    while (object && next_step(&path, &step)) {
        object = enter(object, &step, &at);
        if (object && at)
            line = at;
    }
    return line;
}
