#include "common/schema/amounts.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

void amounts_done(struct amounts *amounts)
{
    map_free(amounts->map, free);
    amounts->map = NULL;
}

const struct quantity *amounts_get(const struct amounts *amounts, const char *name)
{
    return amounts->map ? map_get(amounts->map, name) : NULL;
}

void amounts_set(struct amounts *amounts, const char *name, const struct quantity *quantity)
{
    struct quantity *have = amounts->map ? map_get(amounts->map, name) : NULL;
    if (!amounts->map)
        amounts->map = map_new();
    if (have)
        *have = *quantity;
    else
        (void)map_put(amounts->map, name, xmemdup(quantity, sizeof(*quantity)));
}

void amounts_add(struct amounts *amounts, const char *name, const struct quantity *quantity,
                 int times)
{
    static const struct quantity nothing;
    const struct quantity *have = amounts_get(amounts, name);
    struct quantity result = quantity_sum(have ? have : &nothing, quantity, times);
    amounts_set(amounts, name, &result);
}

void amounts_raise(struct amounts *amounts, const char *name, const struct quantity *quantity)
{
    const struct quantity *have = amounts_get(amounts, name);
    if (!have || quantity_compare(have, quantity) < 0)
        amounts_set(amounts, name, quantity);
}

bool amounts_next(const struct amounts *amounts, size_t *cursor, const char **ret_name,
                  const struct quantity **ret_quantity)
{
    void *value = NULL;
    if (!amounts->map || !map_next(amounts->map, cursor, ret_name, &value))
        return false;
    *ret_quantity = value;
    return true;
}

void amounts_add_all(struct amounts *amounts, const struct amounts *other, int times)
{
    const char *name;
    const struct quantity *quantity;
    for (size_t i = 0; amounts_next(other, &i, &name, &quantity);)
        amounts_add(amounts, name, quantity, times);
}

void amounts_raise_all(struct amounts *amounts, const struct amounts *other)
{
    const char *name;
    const struct quantity *quantity;
    for (size_t i = 0; amounts_next(other, &i, &name, &quantity);)
        amounts_raise(amounts, name, quantity);
}

void amounts_add_list(struct amounts *amounts, const struct value *list)
{
    struct quantity quantity;
    for (size_t i = 0; i < value_len(list); i++)
        if (value_key_at(list, i) && quantity_of(value_at(list, i), &quantity) == 0)
            amounts_add(amounts, value_key_at(list, i), &quantity, 1);
}

void amounts_raise_list(struct amounts *amounts, const struct value *list)
{
    struct quantity quantity;
    for (size_t i = 0; i < value_len(list); i++)
        if (value_key_at(list, i) && quantity_of(value_at(list, i), &quantity) == 0)
            amounts_raise(amounts, value_key_at(list, i), &quantity);
}

static int64_t whole(const char *name, const struct quantity *quantity)
{
    int64_t n = str_eq(name, "cpu") ? quantity_milli(quantity) : quantity_units(quantity);
    return n < 0 ? 0 : n;
}

int64_t amounts_count(const struct amounts *amounts, const char *name)
{
    const struct quantity *quantity = amounts_get(amounts, name);
    return quantity ? whole(name, quantity) : 0;
}

int64_t amounts_count_in(const struct value *list, const char *name, int64_t def)
{
    struct quantity quantity;
    return quantity_of(value_get(list, name), &quantity) == 0 ? whole(name, &quantity) : def;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void amounts_print(const struct amounts *amounts, struct buf *ret)
{
    size_t count = 0, len = amounts->map ? map_len(amounts->map) : 0;
    autofree const char **names = xcalloc(len + 1, sizeof(*names));
    const struct quantity *quantity;
    for (size_t i = 0; amounts_next(amounts, &i, &names[count], &quantity);)
        count++;
    qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 0; i < count; i++) {
        char text[64];
        quantity_format(amounts_get(amounts, names[i]), text);
        (void)buf_addf(ret, "%s%s=%s", i ? "," : "", names[i], text);
    }
}
