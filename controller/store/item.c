#include "controller/store/item.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct item *item_new(const char *key, const void *value, size_t len)
{
    size_t key_len = strlen(key);
    size_t value_len = value ? len : 0;
    struct item *item = xmalloc(sizeof(*item) + key_len + 1 + value_len);

    *item = (struct item){
        .refs = 1,
        .len = (uint32_t)value_len,
        .key_len = (uint16_t)key_len,
        .tombstone = !value,
    };
    memcpy(item->data, key, key_len + 1);
    if (value_len)
        memcpy(item->data + key_len + 1, value, value_len);
    return item;
}

struct item *item_ref(struct item *item)
{
    if (item)
        item->refs++;
    return item;
}

void item_unref(struct item *item)
{
    if (item && --item->refs == 0)
        free(item);
}

struct store_item item_view(const struct item *item)
{
    return (struct store_item){
        .key = item_key(item),
        .value = item_value(item),
        .len = item->len,
        .create_revision = item->create_revision,
        .mod_revision = item->mod_revision,
    };
}
