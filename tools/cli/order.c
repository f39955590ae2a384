#include "tools/cli/order.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>

struct timed {
    const struct value *item;
    int64_t time;
    size_t place;
};

static const struct value *at_path(const struct value *object, const char *path)
{
    char key[64];
    for (;; path++) {
        size_t len = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        object = value_get(object, key);
        path += len;
        if (!*path)
            return object;
    }
}

static int64_t time_of(const struct value *object, const char *const *times)
{
    int64_t wall_ns;
    for (; *times; times++) {
        const char *text = value_str(at_path(object, *times));
        if (text && clock_parse(text, &wall_ns) == 0)
            return wall_ns;
    }
    return INT64_MIN;
}

static int compare(const void *a, const void *b)
{
    const struct timed *x = a, *y = b;
    int order = (x->time > y->time) - (x->time < y->time);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static void order(struct value *list, const char *key, const char *inner, const char *const *times)
{
    const struct value *items = value_get(list, key);
    size_t len = value_type(items) == VALUE_LIST ? value_len(items) : 0;
    if (len == 0)
        return;
    autofree struct timed *timed = xcalloc(len, sizeof(*timed));
    for (size_t i = 0; i < len; i++) {
        const struct value *item = value_at(items, i);
        timed[i] = (struct timed){item, time_of(inner ? value_get(item, inner) : item, times), i};
    }
    qsort(timed, len, sizeof(*timed), compare);
    struct value *sorted = value_new_list();
    for (size_t i = 0; i < len; i++)
        value_append(sorted, value_copy(timed[i].item));
    value_set(list, key, sorted);
}

void order_by_time(struct value *list, const char *const *times)
{
    order(list, "items", NULL, times);
    order(list, "rows", "object", times);
}
