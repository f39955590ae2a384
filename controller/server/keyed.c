#include "controller/server/keyed.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/data/json.h"

struct keyed {
    const char *merge_key;
    struct map *places; /* canonical JSON of a key -> index + 1, as a pointer */
};

/* The caller frees; NULL: it has no key. */
static char *key_of(const struct keyed *keyed, const struct value *item)
{
    const struct value *key = keyed->merge_key ? value_get(item, keyed->merge_key) : item;
    if (!key || value_type(key) == VALUE_NULL)
        return NULL;
    struct buf text = {0};
    (void)json_write_canonical(key, &text);
    return buf_steal(&text, NULL);
}

struct keyed *keyed_new(const struct value *list, const char *merge_key)
{
    struct keyed *keyed = xcalloc(1, sizeof(*keyed));
    keyed->merge_key = merge_key;
    keyed->places = map_new();
    for (size_t i = 0; value_type(list) == VALUE_LIST && i < value_len(list); i++)
        keyed_add(keyed, value_at(list, i), i);
    return keyed;
}

void keyed_free(struct keyed *keyed)
{
    if (!keyed)
        return;
    map_free(keyed->places, NULL);
    free(keyed);
}

size_t keyed_find(const struct keyed *keyed, const struct value *item)
{
    autofree char *key = key_of(keyed, item);
    uintptr_t place = key ? (uintptr_t)map_get(keyed->places, key) : 0;
    return place ? place - 1 : KEYED_NONE;
}

void keyed_add(struct keyed *keyed, const struct value *item, size_t index)
{
    autofree char *key = key_of(keyed, item);
    if (key && !map_get(keyed->places, key))
        map_put(keyed->places, key, (void *)(uintptr_t)(index + 1));
}
