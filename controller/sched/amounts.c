#include "controller/sched/amounts.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/schema/quantity.h"

#include <stdlib.h>

static int64_t get(const struct map *map, const char *name)
{
    const int64_t *amount = map ? map_get(map, name) : NULL;
    return amount ? *amount : 0;
}

/* Nothing is no entry. */
static void set(struct map *map, const char *name, int64_t amount)
{
    int64_t *entry = map_get(map, name);
    if (amount <= 0) {
        free(map_del(map, name));
    } else if (entry) {
        *entry = amount;
    } else {
        entry = xmalloc(sizeof(*entry));
        *entry = amount;
        (void)map_put(map, name, entry);
    }
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static bool is_counted_elsewhere(const char *name)
{
    return str_eq(name, "cpu") || str_eq(name, "memory") || str_eq(name, "pods");
}

static void read_list(struct map *map, const struct value *list)
{
    for (size_t i = 0; value_type(list) == VALUE_MAP && i < value_len(list); i++)
        if (!is_counted_elsewhere(value_key_at(list, i)))
            set(map, value_key_at(list, i), quantity_units_of(value_at(list, i), 0));
}

/* A limit without a request is its request. */
static struct map *container_amounts(const struct value *container)
{
    struct map *map = map_new();
    read_list(map, value_path(container, "resources", "limits", NULL));
    read_list(map, value_path(container, "resources", "requests", NULL));
    return map;
}

/* Adds one container to all that run beside it; peak stays the most that there ever was. `stays`:
 * what comes after it runs beside it, too. */
static void count(struct map *all, struct map *peak, const struct value *container, bool stays)
{
    struct map *one = container_amounts(container);
    const char *name;
    void *amount;
    for (size_t i = 0; map_next(one, &i, &name, &amount);) {
        int64_t both = sum(get(all, name), *(int64_t *)amount);
        if (both > get(peak, name))
            set(peak, name, both);
        if (stays)
            set(all, name, both);
    }
    map_free(one, free);
}

static void keep(struct sched_amounts *ret, struct map *map)
{
    ret->of = map_len(map) ? map : NULL;
    if (!ret->of)
        map_free(map, free);
}

void sched_amounts_read_pod(struct sched_amounts *ret, const struct value *spec)
{
    struct map *all = map_new(), *peak = map_new();
    const struct value *inits = value_get(spec, "initContainers");
    for (size_t i = 0; i < value_len(inits); i++)
        count(all, peak, value_at(inits, i),
              str_eq(value_get_str(value_at(inits, i), "restartPolicy"), "Always"));
    const struct value *containers = value_get(spec, "containers");
    for (size_t i = 0; i < value_len(containers); i++)
        count(all, peak, value_at(containers, i), true);
    map_free(all, free);
    struct map *extra = map_new();
    read_list(extra, value_get(spec, "overhead"));
    const char *name;
    void *amount;
    for (size_t i = 0; map_next(extra, &i, &name, &amount);)
        set(peak, name, sum(get(peak, name), *(int64_t *)amount));
    map_free(extra, free);
    keep(ret, peak);
}

void sched_amounts_read_node(struct sched_amounts *ret, const struct value *allocatable)
{
    struct map *map = map_new();
    read_list(map, allocatable);
    keep(ret, map);
}

void sched_amounts_done(struct sched_amounts *amounts)
{
    if (amounts->of)
        map_free(amounts->of, free);
    *amounts = (struct sched_amounts){0};
}

bool sched_amounts_same(const struct sched_amounts *a, const struct sched_amounts *b)
{
    const char *name;
    void *amount;
    if (!a->of || !b->of)
        return a->of == b->of;
    bool same = map_len(a->of) == map_len(b->of);
    for (size_t i = 0; same && map_next(a->of, &i, &name, &amount);)
        same = get(b->of, name) == *(int64_t *)amount;
    return same;
}

void sched_amounts_add(struct sched_amounts *used, const struct sched_amounts *asked)
{
    const char *name;
    void *amount;
    if (asked->of && !used->of)
        used->of = map_new();
    for (size_t i = 0; asked->of && map_next(asked->of, &i, &name, &amount);)
        set(used->of, name, sum(get(used->of, name), *(int64_t *)amount));
}

void sched_amounts_drop(struct sched_amounts *used, const struct sched_amounts *asked)
{
    const char *name;
    void *amount;
    for (size_t i = 0; used->of && asked->of && map_next(asked->of, &i, &name, &amount);)
        set(used->of, name, get(used->of, name) - *(int64_t *)amount);
}

const char *sched_amounts_short(const struct sched_amounts *asked, const struct sched_amounts *used,
                                const struct sched_amounts *all, size_t *cursor)
{
    const char *name;
    void *amount;
    while (asked->of && map_next(asked->of, cursor, &name, &amount))
        if (*(int64_t *)amount > get(all->of, name) - get(used->of, name))
            return name;
    return NULL;
}

const char *sched_amounts_full(const struct sched_amounts *used, const struct sched_amounts *all,
                               size_t *cursor)
{
    const char *name;
    void *amount;
    while (used->of && map_next(used->of, cursor, &name, &amount))
        if (*(int64_t *)amount > 0 && *(int64_t *)amount >= get(all->of, name))
            return name;
    return NULL;
}
