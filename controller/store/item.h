#pragma once
/* One version of one object as the store holds it: immutable, shared by the index, the history and
 * the queue of the writer, in one allocation. References are counted by the loop's thread alone. */

#include "controller/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct item {
    uint32_t refs;
    uint32_t len; /* bytes of the value */
    int64_t create_revision;
    int64_t mod_revision;
    int64_t row; /* of the database; 0: it has none (volatile) */
    uint16_t key_len;
    bool tombstone; /* a deletion: mod_revision is its revision, there is no value */
    uint8_t lease;  /* number of the lease it was put under; 0: none */
    char data[];    /* key, NUL, value */
};

/* Copies key (at most 65,535 bytes) and value; one reference, the caller's. value NULL: a
 * tombstone. */
struct item *item_new(const char *key, const void *value, size_t len);
struct item *item_ref(struct item *item); /* NULL is fine */
void item_unref(struct item *item);       /* NULL is fine */

static inline const char *item_key(const struct item *item)
{
    return item->data;
}
static inline const void *item_value(const struct item *item)
{
    return item->tombstone ? NULL : item->data + item->key_len + 1;
}
static inline size_t item_bytes(const struct item *item)
{
    return sizeof(*item) + item->key_len + 1 + item->len;
}
/* As the store's callers see it; borrows from item. */
struct store_item item_view(const struct item *item);
