#include "controller/admission/amounts.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define NANO 1000000000

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
    if (!amounts->map)
        amounts->map = map_new();
    free(map_put(amounts->map, name, xmemdup(quantity, sizeof(*quantity))));
}

static bool is_zero(const struct quantity *quantity)
{
    return quantity->units == 0 && quantity->nano == 0;
}

static struct quantity sum(const struct quantity *a, const struct quantity *b, int times)
{
    struct quantity result = *a;
    int64_t units = times < 0 ? -b->units : b->units;
    int32_t nano = a->nano + (times < 0 ? -b->nano : b->nano);
    if (b->units == INT64_MIN && times < 0)
        units = INT64_MAX;
    int64_t carry = nano >= NANO ? 1 : nano < 0 ? -1 : 0;
    result.nano = nano - (int32_t)carry * NANO;
    bool over = __builtin_add_overflow(a->units, units, &result.units);
    over = over || __builtin_add_overflow(result.units, carry, &result.units);
    if (over)
        result = (struct quantity){.units = units < 0 ? INT64_MIN : INT64_MAX};
    /* It is written as the first that was something. */
    result.format = is_zero(a) ? b->format : a->format;
    return result;
}

void amounts_add(struct amounts *amounts, const char *name, const struct quantity *quantity,
                 int times)
{
    static const struct quantity nothing;
    const struct quantity *have = amounts_get(amounts, name);
    struct quantity result = sum(have ? have : &nothing, quantity, times);
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
