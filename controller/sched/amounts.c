#include "controller/sched/amounts.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/schema/amounts.h"

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

static void keep(struct sched_amounts *ret, struct map *map)
{
    ret->of = map_len(map) ? map : NULL;
    if (!ret->of)
        map_free(map, free);
}

void sched_amounts_read_pod(struct sched_amounts *ret, const struct amounts *needs)
{
    struct map *map = map_new();
    const char *name;
    const struct quantity *quantity;
    for (size_t i = 0; amounts_next(needs, &i, &name, &quantity);)
        if (!is_counted_elsewhere(name))
            set(map, name, amounts_count(needs, name));
    keep(ret, map);
}

void sched_amounts_read_node(struct sched_amounts *ret, const struct value *allocatable)
{
    struct map *map = map_new();
    for (size_t i = 0; i < value_len(allocatable); i++) {
        const char *name = value_key_at(allocatable, i);
        if (name && !is_counted_elsewhere(name))
            set(map, name, amounts_count_in(allocatable, name, 0));
    }
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
