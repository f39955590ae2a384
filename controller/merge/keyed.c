#include "controller/merge/keyed.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/data/json.h"
#include "common/schema/schema.h"

struct keyed {
    const char *merge_key;
    struct map *places; /* canonical JSON of a key -> index + 1, as a pointer */
};

/* False: it is absent or null. */
static bool add_key(struct buf *text, const struct value *key)
{
    if (!key || value_type(key) == VALUE_NULL)
        return false;
    (void)json_write_canonical(key, text);
    (void)buf_addc(text, '\n');
    return true;
}

/* The caller frees; NULL: it has not all of its key. */
static char *key_of(const struct keyed *keyed, const struct value *item)
{
    cleanup(buf_done) struct buf text = {0};
    char name[SCHEMA_KEY_LEN];
    bool whole = keyed->merge_key || add_key(&text, item);
    for (const char *at = keyed->merge_key; whole && at && schema_key_next(&at, name);)
        whole = add_key(&text, value_get(item, name));
    return whole ? buf_steal(&text, NULL) : NULL;
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

bool keyed_has_key(const struct keyed *keyed, const struct value *item)
{
    autofree char *key = key_of(keyed, item);
    return key;
}
