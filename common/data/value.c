#include "common/data/value.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/limits.h"

#include <math.h>
#include <stdarg.h>

enum {
    MAP_LINEAR = 16, /* up to here comparing keys beats hashing them */
    PLACE_MAX = (1 << 24) - 1,
};

struct entry {
    char *key;
    struct value *value;
    int key_line;
};

struct value {
    enum value_type type : 8;
    uint32_t
        place : 24; /* in its map when it was put there: keys that went since only move it left */
    int line;
    union {
        bool b;
        int64_t i;
        double f;
        char *s;
        struct {
            struct value **items;
            uint32_t len, cap;
        } list;
        struct {
            struct entry *entries;
            struct map *index; /* key -> value, of more than MAP_LINEAR keys; else NULL */
            uint32_t len, cap;
        } map;
    };
};

static void set_place(struct value *value, uint32_t i)
{
    value->place = (i < PLACE_MAX ? i : PLACE_MAX) & PLACE_MAX;
}

static struct value *new_value(enum value_type type)
{
    struct value *value = xcalloc(1, sizeof(*value));
    value->type = type;
    return value;
}

struct value *value_new_null(void)
{
    return new_value(VALUE_NULL);
}

struct value *value_new_bool(bool b)
{
    struct value *value = new_value(VALUE_BOOL);
    value->b = b;
    return value;
}

struct value *value_new_int(int64_t i)
{
    struct value *value = new_value(VALUE_INT);
    value->i = i;
    return value;
}

struct value *value_new_float(double f)
{
    struct value *value = new_value(VALUE_FLOAT);
    value->f = isfinite(f) ? f : 0;
    return value;
}

struct value *value_new_str(const char *s)
{
    struct value *value = new_value(VALUE_STRING);
    value->s = xstrdup(s);
    return value;
}

struct value *value_new_strn(const char *s, size_t len)
{
    struct value *value = new_value(VALUE_STRING);
    value->s = xstrndup(s, len);
    return value;
}

struct value *value_adopt_str(char *s)
{
    struct value *value = new_value(VALUE_STRING);
    value->s = s;
    return value;
}

struct value *value_new_list(void)
{
    return new_value(VALUE_LIST);
}

struct value *value_new_map(void)
{
    return new_value(VALUE_MAP);
}

void value_free(struct value *value)
{
    if (!value)
        return;
    if (value->type == VALUE_STRING) {
        free(value->s);
    } else if (value->type == VALUE_LIST) {
        for (uint32_t i = 0; i < value->list.len; i++)
            value_free(value->list.items[i]);
        free(value->list.items);
    } else if (value->type == VALUE_MAP) {
        for (uint32_t i = 0; i < value->map.len; i++) {
            free(value->map.entries[i].key);
            value_free(value->map.entries[i].value);
        }
        free(value->map.entries);
        map_free(value->map.index, NULL);
    }
    free(value);
}

static struct entry *add_entry(struct value *map, const char *key, struct value *item);

struct value *value_copy(const struct value *value)
{
    if (!value)
        return NULL;
    struct value *copy = new_value(value->type);
    switch (value->type) {
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        copy->b = value->b;
        break;
    case VALUE_INT:
        copy->i = value->i;
        break;
    case VALUE_FLOAT:
        copy->f = value->f;
        break;
    case VALUE_STRING:
        copy->s = xstrdup(value->s);
        break;
    case VALUE_LIST:
        for (uint32_t i = 0; i < value->list.len; i++)
            value_append(copy, value_copy(value->list.items[i]));
        break;
    case VALUE_MAP:
        for (uint32_t i = 0; i < value->map.len; i++) {
            const struct entry *from = &value->map.entries[i];
            add_entry(copy, from->key, value_copy(from->value))->key_line = from->key_line;
        }
        break;
    }
    copy->line = value->line;
    return copy;
}

static bool lists_equal(const struct value *a, const struct value *b)
{
    if (a->list.len != b->list.len)
        return false;
    for (uint32_t i = 0; i < a->list.len; i++)
        if (!value_equal(a->list.items[i], b->list.items[i]))
            return false;
    return true;
}

static bool maps_equal(const struct value *a, const struct value *b)
{
    if (a->map.len != b->map.len)
        return false;
    for (uint32_t i = 0; i < a->map.len; i++) {
        const struct value *other = value_get(b, a->map.entries[i].key);
        if (!other || !value_equal(a->map.entries[i].value, other))
            return false;
    }
    return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a->b == b->b;
    case VALUE_INT:
        return a->i == b->i;
    case VALUE_FLOAT:
        return !(a->f < b->f) && !(a->f > b->f);
    case VALUE_STRING:
        return strcmp(a->s, b->s) == 0;
    case VALUE_LIST:
        return lists_equal(a, b);
    case VALUE_MAP:
        return maps_equal(a, b);
    }
    return false;
}

enum value_type value_type(const struct value *value)
{
    return value ? value->type : VALUE_NULL;
}

const char *value_type_name(enum value_type type)
{
    static const char *const names[] = {
        [VALUE_NULL] = "null",   [VALUE_BOOL] = "boolean",  [VALUE_INT] = "integer",
        [VALUE_FLOAT] = "float", [VALUE_STRING] = "string", [VALUE_LIST] = "list",
        [VALUE_MAP] = "map",
    };
    return names[type];
}

size_t value_size(const struct value *value, int *ret_depth)
{
    size_t size = 1;
    int deepest = 0;
    for (size_t i = 0; i < value_len(value) && size <= DATA_MAX_NODES; i++) {
        int depth;
        size += value_size(value_at(value, i), &depth);
        deepest = depth > deepest ? depth : deepest;
    }
    *ret_depth = value_type(value) >= VALUE_LIST ? deepest + 1 : 0;
    return size;
}

int value_line(const struct value *value)
{
    return value ? value->line : 0;
}

void value_set_line(struct value *value, int line)
{
    value->line = line;
}

bool value_bool(const struct value *value, bool def)
{
    return value_type(value) == VALUE_BOOL ? value->b : def;
}

int64_t value_int(const struct value *value, int64_t def)
{
    return value_type(value) == VALUE_INT ? value->i : def;
}

double value_float(const struct value *value, double def)
{
    if (value_type(value) == VALUE_INT)
        return (double)value->i;
    return value_type(value) == VALUE_FLOAT ? value->f : def;
}

const char *value_str(const struct value *value)
{
    return value_type(value) == VALUE_STRING ? value->s : NULL;
}

size_t value_len(const struct value *value)
{
    if (value_type(value) == VALUE_LIST)
        return value->list.len;
    return value_type(value) == VALUE_MAP ? value->map.len : 0;
}

struct value *value_at(const struct value *value, size_t i)
{
    if (i >= value_len(value))
        return NULL;
    return value->type == VALUE_LIST ? value->list.items[i] : value->map.entries[i].value;
}

static uint32_t grown(uint32_t cap)
{
    return cap ? cap * 2 : 4;
}

bool value_has_str(const struct value *list, const char *s)
{
    for (size_t i = 0; s && i < value_len(list); i++)
        if (str_eq(value_str(value_at(list, i)), s))
            return true;
    return false;
}

void value_append(struct value *list, struct value *item)
{
    value_insert(list, value_len(list), item);
}

void value_insert(struct value *list, size_t i, struct value *item)
{
    if (list->list.len == list->list.cap) {
        list->list.cap = grown(list->list.cap);
        list->list.items =
            xreallocarray(list->list.items, list->list.cap, sizeof(*list->list.items));
    }
    struct value **at = &list->list.items[i];
    memmove(at + 1, at, (list->list.len - i) * sizeof(*at));
    *at = item;
    list->list.len++;
}

void value_set_at(struct value *list, size_t i, struct value *item)
{
    value_free(list->list.items[i]);
    list->list.items[i] = item;
}

void value_remove_at(struct value *list, size_t i)
{
    if (value_type(list) != VALUE_LIST || i >= list->list.len)
        return;
    struct value **at = &list->list.items[i];
    value_free(*at);
    list->list.len--;
    memmove(at, at + 1, (list->list.len - i) * sizeof(*at));
}

static struct entry *entry_of_key(const struct value *map, const char *key)
{
    for (uint32_t i = 0; i < map->map.len; i++)
        if (strcmp(map->map.entries[i].key, key) == 0)
            return &map->map.entries[i];
    return NULL;
}

/* The entry that holds `value`, which is in the map. */
static struct entry *entry_of_value(const struct value *map, struct value *value)
{
    bool known = value->place < map->map.len && value->place < PLACE_MAX;
    uint32_t i = known ? value->place : map->map.len - 1;
    while (map->map.entries[i].value != value)
        i--;
    set_place(value, i);
    return &map->map.entries[i];
}

struct value *value_get(const struct value *map, const char *key)
{
    if (value_type(map) != VALUE_MAP)
        return NULL;
    if (map->map.index)
        return map_get(map->map.index, key);
    struct entry *entry = entry_of_key(map, key);
    return entry ? entry->value : NULL;
}

const char *value_key_at(const struct value *map, size_t i)
{
    return value_type(map) == VALUE_MAP && i < map->map.len ? map->map.entries[i].key : NULL;
}

int value_key_line_at(const struct value *map, size_t i)
{
    return value_type(map) == VALUE_MAP && i < map->map.len ? map->map.entries[i].key_line : 0;
}

static void index_keys(struct value *map)
{
    map->map.index = map_new();
    for (uint32_t i = 0; i < map->map.len; i++)
        map_put(map->map.index, map->map.entries[i].key, map->map.entries[i].value);
}

/* The key is not there yet. */
static struct entry *add_entry(struct value *map, const char *key, struct value *item)
{
    if (map->map.len == map->map.cap) {
        map->map.cap = grown(map->map.cap);
        map->map.entries = xreallocarray(map->map.entries, map->map.cap, sizeof(*map->map.entries));
    }
    set_place(item, map->map.len);
    struct entry *entry = &map->map.entries[map->map.len++];
    *entry = (struct entry){xstrdup(key), item, item->line};
    if (map->map.index)
        map_put(map->map.index, key, item);
    else if (map->map.len > MAP_LINEAR)
        index_keys(map);
    return entry;
}

struct value *value_set(struct value *map, const char *key, struct value *item)
{
    struct value *old = value_get(map, key);
    if (!old) {
        add_entry(map, key, item);
        return item;
    }
    struct entry *entry = entry_of_value(map, old);
    entry->value = item;
    item->place = old->place;
    if (map->map.index)
        map_put(map->map.index, key, item);
    value_free(old);
    return item;
}

void value_set_key_line(struct value *map, const char *key, int line)
{
    struct value *value = value_get(map, key);
    if (value)
        entry_of_value(map, value)->key_line = line;
}

void value_del(struct value *map, const char *key)
{
    value_free(value_take(map, key));
}

struct value *value_take(struct value *map, const char *key)
{
    struct value *value = value_get(map, key);
    if (!value)
        return NULL;
    if (map->map.index)
        map_del(map->map.index, key);
    struct entry *entry = entry_of_value(map, value);
    free(entry->key);
    struct entry *end = map->map.entries + --map->map.len;
    memmove(entry, entry + 1, (size_t)((char *)end - (char *)entry));
    return value;
}

static void retain_items(struct value *list, const bool *keep)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->list.len; i++) {
        if (keep[i])
            list->list.items[kept++] = list->list.items[i];
        else
            value_free(list->list.items[i]);
    }
    list->list.len = kept;
}

static void retain_entries(struct value *map, const bool *keep)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < map->map.len; i++) {
        struct entry *entry = &map->map.entries[i];
        if (keep[i]) {
            set_place(entry->value, kept);
            map->map.entries[kept++] = *entry;
            continue;
        }
        if (map->map.index)
            map_del(map->map.index, entry->key);
        free(entry->key);
        value_free(entry->value);
    }
    map->map.len = kept;
}

void value_retain(struct value *value, const bool *keep)
{
    if (value_type(value) == VALUE_LIST)
        retain_items(value, keep);
    else if (value_type(value) == VALUE_MAP)
        retain_entries(value, keep);
}

struct value *value_path(const struct value *value, ...)
{
    struct value *at = (struct value *)value;
    va_list args;
    va_start(args, value);
    for (const char *key; at && (key = va_arg(args, const char *));)
        at = value_get(at, key);
    va_end(args);
    return at;
}

struct value *value_make_map(struct value *map, ...)
{
    struct value *at = map;
    va_list args;
    va_start(args, map);
    for (const char *key; at && (key = va_arg(args, const char *));) {
        if (at->type != VALUE_MAP) {
            at = NULL;
            break;
        }
        struct value *next = value_get(at, key);
        at = value_type(next) == VALUE_NULL ? value_set(at, key, value_new_map()) : next;
    }
    va_end(args);
    return value_type(at) == VALUE_MAP ? at : NULL;
}

const char *value_get_str(const struct value *map, const char *key)
{
    return value_str(value_get(map, key));
}

int64_t value_get_int(const struct value *map, const char *key, int64_t def)
{
    return value_int(value_get(map, key), def);
}

bool value_get_bool(const struct value *map, const char *key, bool def)
{
    return value_bool(value_get(map, key), def);
}

void value_set_str(struct value *map, const char *key, const char *s)
{
    if (s)
        value_set(map, key, value_new_str(s));
    else
        value_del(map, key);
}

void value_set_int(struct value *map, const char *key, int64_t i)
{
    value_set(map, key, value_new_int(i));
}

void value_set_bool(struct value *map, const char *key, bool b)
{
    value_set(map, key, value_new_bool(b));
}
