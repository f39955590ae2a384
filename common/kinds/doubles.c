#include "common/kinds/doubles.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct keyed {
    char *key;
    size_t i;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->i > y->i) - (x->i < y->i);
}

static void tell(const struct value *list, const struct keyed *first, const struct keyed *again,
                 const char *sub, const char *below, struct schema_walk *walk)
{
    char path[128];
    snprintf(path, sizeof(path), "%s[%zu]%s", sub, again->i, below);
    schema_mistake(walk, value_at(list, again->i), path, CAUSE_DUPLICATE,
                   "\"%.64s\": comes twice (first at [%zu])", again->key, first->i);
}

void check_doubles(const struct value *list, doubles_key_fn *key, const char *sub,
                   const char *below, struct schema_walk *walk)
{
    size_t len = value_type(list) == VALUE_LIST ? value_len(list) : 0, count = 0;
    autofree struct keyed *keys = xcalloc(len + 1, sizeof(*keys));
    for (size_t i = 0; i < len; i++) {
        cleanup(buf_done) struct buf text = {0};
        key(value_at(list, i), &text);
        if (text.len > 0)
            keys[count++] = (struct keyed){xstrdup(buf_str(&text)), i};
    }
    qsort(keys, count, sizeof(*keys), by_key);
    size_t first = 0;
    for (size_t n = 1; n < count; n++) {
        if (strcmp(keys[first].key, keys[n].key) == 0)
            tell(list, &keys[first], &keys[n], sub, below, walk);
        else
            first = n;
    }
    for (size_t n = 0; n < count; n++)
        free(keys[n].key);
}
