#include "controller/merge/fieldset.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/merge/shape.h"

#define SELF "."

/* ---- what a document says ---- */

static void add_fields(struct value *set, struct shape shape, const struct value *value);

/* "k:{...}" or "v:..." of an item of such a list; NULL: it has not all of its key. Caller frees. */
static char *element_of(const struct schema_field *field, const struct value *item)
{
    cleanup(buf_done) struct buf text = {0};
    const char *merge_key = shape_merge_key(field);
    if (!merge_key) {
        (void)buf_addstr(&text, "v:");
        (void)json_write_canonical(item, &text);
        return buf_steal(&text, NULL);
    }
    cleanup(value_free) struct value *keys = value_new_map();
    char name[SCHEMA_KEY_LEN];
    for (const char *at = merge_key; schema_key_next(&at, name);) {
        const struct value *key = value_get(item, name);
        if (value_type(key) == VALUE_NULL)
            return NULL;
        value_set(keys, name, value_copy(key));
    }
    (void)buf_addstr(&text, "k:");
    (void)json_write_canonical(keys, &text);
    return buf_steal(&text, NULL);
}

static bool has_elements(const struct schema_field *field)
{
    return shape_merge_key(field) || shape_is_set(field);
}

static void add_elements(struct value *set, const struct schema_field *field,
                         const struct value *list)
{
    for (size_t i = 0; i < value_len(list); i++) {
        autofree char *element = element_of(field, value_at(list, i));
        if (!element || value_get(set, element))
            continue;
        struct value *node = value_set(set, element, value_new_map());
        if (!shape_merge_key(field))
            continue;
        value_set(node, SELF, value_new_map());
        add_fields(node, shape_of_item(field), value_at(list, i));
    }
}

/* A value without parts of its own leaves the node empty: it is one field. */
static void add_fields(struct value *set, struct shape shape, const struct value *value)
{
    bool parts =
        (shape.type || (shape.field && shape.field->shape == SCHEMA_MAP)) && !shape_is_whole(shape);
    if (value_type(value) == VALUE_LIST && has_elements(shape.field)) {
        add_elements(set, shape.field, value);
        return;
    }
    for (size_t i = 0; parts && value_type(value) == VALUE_MAP && i < value_len(value); i++) {
        const char *key = value_key_at(value, i);
        if (value_type(value_at(value, i)) == VALUE_NULL)
            continue;
        autofree char *name = xasprintf("f:%s", key);
        add_fields(value_set(set, name, value_new_map()), shape_of_key(shape, key),
                   value_at(value, i));
    }
}

struct value *fieldset_of(const struct schema_type *type, const struct value *object)
{
    struct value *set = value_new_map();
    add_fields(set, (struct shape){type, NULL}, object);
    return set;
}

/* ---- sets ---- */

bool fieldset_is_empty(const struct value *set)
{
    return value_len(set) == 0;
}

struct value *fieldset_unite(const struct value *a, const struct value *b)
{
    struct value *out = a ? value_copy(a) : value_new_map();
    for (size_t i = 0; i < value_len(b); i++) {
        const char *key = value_key_at(b, i);
        const struct value *mine = value_get(a, key), *other = value_at(b, i);
        struct value *node = mine ? fieldset_unite(mine, other) : value_copy(other);
        if (mine && (value_len(mine) == 0) != (value_len(other) == 0))
            value_set(node, SELF, value_new_map());
        value_set(out, key, node);
    }
    return out;
}

struct value *fieldset_intersect(const struct value *a, const struct value *b)
{
    struct value *out = value_new_map();
    for (size_t i = 0; i < value_len(a); i++) {
        const struct value *mine = value_at(a, i), *other = value_get(b, value_key_at(a, i));
        bool whole = value_len(mine) == 0 || value_len(other) == 0;
        if (!other)
            continue;
        struct value *node = whole ? value_new_map() : fieldset_intersect(mine, other);
        if (whole || value_len(node) > 0)
            value_set(out, value_key_at(a, i), node);
        else
            value_free(node);
    }
    return out;
}

struct value *fieldset_subtract(const struct value *a, const struct value *b)
{
    struct value *out = value_new_map();
    for (size_t i = 0; i < value_len(a); i++) {
        const struct value *mine = value_at(a, i), *other = value_get(b, value_key_at(a, i));
        if (other && (value_len(mine) == 0 || value_len(other) == 0))
            continue;
        struct value *node = other ? fieldset_subtract(mine, other) : value_copy(mine);
        if (!other || value_len(node) > 0)
            value_set(out, value_key_at(a, i), node);
        else
            value_free(node);
    }
    return out;
}

/* ---- sets and objects ---- */

/* The members of a value by the names that sets give them. */
struct members {
    struct shape shape;
    struct value *value;
    struct map *items; /* of a list: element -> its index + 1 */
};

static void members_init(struct members *m, struct shape shape, const struct value *value)
{
    *m = (struct members){shape, (struct value *)(uintptr_t)value, NULL};
    if (value_type(value) != VALUE_LIST || !has_elements(shape.field))
        return;
    m->items = map_new();
    for (size_t i = 0; i < value_len(value); i++) {
        autofree char *element = element_of(shape.field, value_at(value, i));
        if (element && !map_get(m->items, element))
            map_put(m->items, element, (void *)(uintptr_t)(i + 1));
    }
}

static void members_done(struct members *m)
{
    map_free(m->items, NULL);
}
CLEANUP_DEFINE_VALUE(struct members, members_done);

/* The index of an item; value_len() if there is none. */
static size_t index_of(const struct members *m, const char *element)
{
    uintptr_t place = m->items ? (uintptr_t)map_get(m->items, element) : 0;
    return place ? place - 1 : value_len(m->value);
}

static struct value *member(const struct members *m, const char *name, struct shape *ret)
{
    if (str_has_prefix(name, "f:")) {
        *ret = shape_of_key(m->shape, name + 2);
        return value_get(m->value, name + 2);
    }
    *ret = m->shape.field ? shape_of_item(m->shape.field) : (struct shape){NULL, NULL};
    return m->items ? value_at(m->value, index_of(m, name)) : NULL;
}

static struct value *changed(struct shape shape, const struct value *set,
                             const struct value *before, const struct value *after, bool there)
{
    struct value *out = value_new_map();
    cleanup(members_done) struct members was, is;
    members_init(&was, shape, before);
    members_init(&is, shape, after);
    for (size_t i = 0; i < value_len(set); i++) {
        const char *name = value_key_at(set, i);
        const struct value *node = value_at(set, i);
        struct shape below;
        bool self = str_eq(name, SELF);
        const struct value *a = self ? before : member(&was, name, &below);
        const struct value *b = self ? after : member(&is, name, &below);
        bool differs = self ? !a != !b : !value_equal(a, b);
        if (!differs || (there && !b))
            continue;
        struct value *part = value_len(node) > 0 ? changed(below, node, a, b, there) : NULL;
        if (!part || value_len(part) > 0)
            value_set(out, name, part ? part : value_new_map());
        else
            value_free(part);
    }
    return out;
}

struct value *fieldset_changed(const struct schema_type *type, const struct value *set,
                               const struct value *before, const struct value *after, bool there)
{
    return changed((struct shape){type, NULL}, set, before, after, there);
}

static void take_out(struct shape shape, const struct value *set, struct value *value);

static bool is_empty(const struct value *value)
{
    enum value_type type = value_type(value);
    return (type == VALUE_MAP || type == VALUE_LIST) && value_len(value) == 0;
}

static void take_out_items(struct shape shape, const struct value *set, struct value *list)
{
    cleanup(members_done) struct members m;
    members_init(&m, shape, list);
    size_t count = value_len(list);
    autofree bool *keep = xmalloc(count + 1);
    memset(keep, true, count + 1);
    for (size_t i = 0; i < value_len(set); i++) {
        const struct value *node = value_at(set, i);
        size_t at = index_of(&m, value_key_at(set, i));
        bool whole = value_len(node) == 0 || value_get(node, SELF);
        if (at < count && !whole)
            take_out(shape_of_item(shape.field), node, value_at(list, at));
        keep[at] &= !whole;
    }
    value_retain(list, keep);
}

static void take_out(struct shape shape, const struct value *set, struct value *value)
{
    if (value_type(value) == VALUE_LIST && has_elements(shape.field)) {
        take_out_items(shape, set, value);
        return;
    }
    if (value_type(value) != VALUE_MAP)
        return;
    size_t count = value_len(value);
    autofree bool *keep = xmalloc(count + 1);
    for (size_t i = 0; i < count; i++) {
        autofree char *name = xasprintf("f:%s", value_key_at(value, i));
        const struct value *node = value_get(set, name);
        struct value *below = value_at(value, i);
        if (value_len(node) > 0)
            take_out(shape_of_key(shape, name + 2), node, below);
        keep[i] = !node || (value_len(node) > 0 && !is_empty(below));
    }
    value_retain(value, keep);
}

void fieldset_remove(const struct schema_type *type, const struct value *set, struct value *object)
{
    take_out((struct shape){type, NULL}, set, object);
}

/* ---- paths ---- */

static void add_step(struct buf *path, const char *name)
{
    cleanup(value_free) struct value *keys = NULL;
    struct err err = {0};
    if (str_has_prefix(name, "f:")) {
        (void)buf_addf(path, ".%s", name + 2);
        return;
    }
    if (!str_has_prefix(name, "k:") || json_parse(name + 2, strlen(name + 2), &keys, &err) != 0) {
        (void)buf_addf(path, "[=%s]", name + 2);
        return;
    }
    for (size_t i = 0; i < value_len(keys); i++) {
        (void)buf_addf(path, "%s%s=", i ? "," : "[", value_key_at(keys, i));
        (void)json_write(value_at(keys, i), path);
    }
    (void)buf_addc(path, ']');
}

static void walk_paths(const struct value *set, struct buf *path,
                       void (*fn)(void *ctx, const char *path), void *ctx)
{
    for (size_t i = 0; i < value_len(set); i++) {
        const char *name = value_key_at(set, i);
        size_t mark = path->len;
        if (!str_eq(name, SELF))
            add_step(path, name);
        if (value_len(value_at(set, i)) == 0)
            fn(ctx, buf_str(path));
        else
            walk_paths(value_at(set, i), path, fn, ctx);
        path->len = mark;
        path->data[mark] = '\0';
    }
}

void fieldset_paths(const struct value *set, void (*fn)(void *ctx, const char *path), void *ctx)
{
    cleanup(buf_done) struct buf path = {0};
    (void)buf_addstr(&path, "");
    walk_paths(set, &path, fn, ctx);
}
