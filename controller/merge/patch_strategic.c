#include "controller/merge/patch_strategic.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/merge/keyed.h"
#include "controller/merge/list_order.h"
#include "controller/merge/shape.h"

#include <errno.h>

#define DIRECTIVE "$patch"
#define RETAIN_KEYS "$retainKeys"
#define ORDER "$setElementOrder/"
#define DELETIONS "$deleteFromPrimitiveList/"

/* Functions below return NULL for a value that is absent, and after a mistake. */
struct merge {
    int rc; /* of the first mistake */
    struct err *err;
};

static struct value *merge_value(struct merge *m, struct shape shape, const struct value *old,
                                 const struct value *patch);

static struct value *fail(struct merge *m, int code, const char *what, const char *where)
{
    if (m->rc == 0)
        m->rc = err_set(m->err, code, what, where);
    return NULL;
}

/* ---- lists ---- */

/* What a patch says of one list. */
struct list_patch {
    const struct value *items; /* NULL: nothing new */
    const struct value *order, *deletions;
};

static const char *item_directive(const struct value *item)
{
    const struct value *directive = value_get(item, DIRECTIVE);
    const char *text = value_str(directive);
    return text || !directive ? text : "?";
}

/* What the items of a patch ask for: which keys go, and whether the old list does. */
static void read_directives(struct merge *m, const struct value *items, const char *merge_key,
                            struct keyed *gone, bool *ret_replace)
{
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        const char *directive = item_directive(item);
        bool keyless = !keyed_has_key(gone, item);
        if (str_eq(directive, "replace"))
            *ret_replace = true;
        else if (directive && !str_eq(directive, "delete"))
            fail(m, -EINVAL, "unknown $patch directive of a list's item: %.40s", directive);
        else if (keyless)
            fail(m, -ENOENT, "an item of the patch does not contain declared merge key: %s",
                 merge_key);
        else if (directive)
            keyed_add(gone, item, i);
    }
}

/* An item of the patch, over the one of its key in `out`, or as a new one. */
static void lay_item(struct merge *m, const struct schema_field *field, struct keyed *places,
                     struct value *out, const struct value *item)
{
    size_t i = keyed_find(places, item);
    struct value *old = i == KEYED_NONE ? NULL : value_at(out, i);
    struct value *merged = merge_value(m, shape_of_item(field), old, item);
    if (!merged)
        return;
    if (old) {
        value_set_at(out, i, merged);
        return;
    }
    keyed_add(places, item, value_len(out));
    value_append(out, merged);
}

static struct value *merge_keyed(struct merge *m, const struct schema_field *field,
                                 const struct value *old, const struct value *items)
{
    const char *key = field->merge_key;
    bool replace = false;
    cleanup(keyed_free) struct keyed *gone = keyed_new(NULL, key);
    read_directives(m, items, key, gone, &replace);
    struct value *out = value_new_list();
    for (size_t i = 0; i < value_len(old) && !replace; i++)
        if (keyed_find(gone, value_at(old, i)) == KEYED_NONE)
            value_append(out, value_copy(value_at(old, i)));
    cleanup(keyed_free) struct keyed *places = keyed_new(out, key);
    for (size_t i = 0; i < value_len(items) && m->rc == 0; i++)
        if (!item_directive(value_at(items, i)))
            lay_item(m, field, places, out, value_at(items, i));
    return out;
}

static struct value *merge_set(const struct value *old, const struct value *items)
{
    struct value *out = value_new_list();
    cleanup(keyed_free) struct keyed *there = keyed_new(NULL, NULL);
    const struct value *lists[] = {old, items};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (size_t i = 0; i < value_len(lists[l]); i++) {
            const struct value *item = value_at(lists[l], i);
            if (keyed_find(there, item) != KEYED_NONE)
                continue;
            keyed_add(there, item, value_len(out));
            value_append(out, value_copy(item));
        }
    return out;
}

static struct value *without(const struct value *list, const struct value *deletions)
{
    struct value *out = value_new_list();
    cleanup(keyed_free) struct keyed *gone = keyed_new(deletions, NULL);
    for (size_t i = 0; i < value_len(list); i++)
        if (keyed_find(gone, value_at(list, i)) == KEYED_NONE)
            value_append(out, value_copy(value_at(list, i)));
    return out;
}

/* Items of the patch stand in its order list, in the same order. */
static void check_order(struct merge *m, const struct list_patch *patch, const char *key)
{
    cleanup(keyed_free) struct keyed *places = keyed_new(patch->order, key);
    size_t last = 0;
    for (size_t i = 0; i < value_len(patch->items); i++) {
        const struct value *item = value_at(patch->items, i);
        if (key && item_directive(item))
            continue;
        size_t place = keyed_find(places, item);
        if (place == KEYED_NONE || place < last) {
            fail(m, -EINVAL, "the order in the patch list doesn't match %s's list",
                 "$setElementOrder");
            return;
        }
        last = place;
    }
}

static struct value *merge_list(struct merge *m, const struct schema_field *field,
                                const struct value *old, const struct list_patch *patch)
{
    const char *key = shape_merge_key(field);
    cleanup(value_free) struct value *left = NULL;
    old = value_type(old) == VALUE_LIST ? old : NULL;
    if (patch->deletions && old)
        old = left = without(old, patch->deletions);
    if (!key && !shape_is_set(field))
        return patch->items ? value_copy(patch->items) : value_copy(old);
    if (patch->order)
        check_order(m, patch, key);
    cleanup(value_free) struct value *merged =
        key ? merge_keyed(m, field, old, patch->items) : merge_set(old, patch->items);
    const struct value *order = patch->order ? patch->order : patch->items;
    return m->rc ? NULL : list_order(merged, old, order, key);
}

/* ---- maps ---- */

/* A map of a patch, read once. */
struct map_patch {
    const struct value *map;
    bool marked; /* it has keys that are directives on lists */
    const struct value *retain;
    struct keyed *retained;
};

static void map_patch_done(struct map_patch *patch)
{
    keyed_free(patch->retained);
}
CLEANUP_DEFINE_VALUE(struct map_patch, map_patch_done);

static bool is_mark(const char *key)
{
    return str_has_prefix(key, ORDER) || str_has_prefix(key, DELETIONS);
}

static bool is_directive(const char *key)
{
    return str_eq(key, RETAIN_KEYS) || str_eq(key, DIRECTIVE) || is_mark(key);
}

static bool is_retained(const struct map_patch *patch, const char *key)
{
    if (!patch->retain)
        return true;
    cleanup(value_free) struct value *name = value_new_str(key);
    return keyed_find(patch->retained, name) != KEYED_NONE;
}

static void read_map(struct merge *m, const struct value *map, struct map_patch *ret)
{
    *ret = (struct map_patch){.map = map, .retain = value_get(map, RETAIN_KEYS)};
    if (ret->retain && value_type(ret->retain) != VALUE_LIST)
        fail(m, -EINVAL, "invalid patch format of %s", RETAIN_KEYS);
    ret->retained = keyed_new(ret->retain, NULL);
    for (size_t i = 0; i < value_len(map); i++) {
        const char *key = value_key_at(map, i);
        const struct value *item = value_at(map, i);
        bool mark = is_mark(key);
        ret->marked |= mark;
        if (mark && value_type(item) != VALUE_LIST)
            fail(m, -EINVAL, "invalid patch format of %.80s", key);
        if (!is_directive(key) && value_type(item) != VALUE_NULL && !is_retained(ret, key))
            fail(m, -ENOENT, "%s list doesn't contain all fields present in the patch",
                 RETAIN_KEYS);
    }
}

static const struct value *mark_of(const struct map_patch *patch, const char *mark, const char *key)
{
    if (!patch->marked)
        return NULL;
    autofree char *name = xasprintf("%s%s", mark, key);
    return value_get(patch->map, name);
}

/* One field of the result; old NULL: it is new. */
static struct value *merge_field(struct merge *m, struct shape shape, const char *key,
                                 const struct value *old, const struct map_patch *patch)
{
    const struct value *item = value_get(patch->map, key);
    struct list_patch list = {item, mark_of(patch, ORDER, key), mark_of(patch, DELETIONS, key)};
    shape = shape_of_key(shape, key);
    if (value_type(item) == VALUE_NULL && item)
        return NULL;
    bool listed = value_type(item) == VALUE_LIST || (!item && value_type(old) == VALUE_LIST);
    if (listed && (item || list.order || list.deletions))
        return merge_list(m, shape.field, old, &list);
    if (!item)
        return old ? value_copy(old) : NULL;
    return merge_value(m, shape, old, item);
}

static void put_field(struct value *out, const char *key, struct value *item)
{
    if (item)
        value_set(out, key, item);
}

static struct value *merge_map(struct merge *m, struct shape shape, const struct value *old,
                               const struct value *map)
{
    const struct value *directive = value_get(map, DIRECTIVE);
    const char *word = value_str(directive);
    if (directive && str_eq(word, "delete"))
        return old ? value_new_map() : NULL;
    if (directive && !str_eq(word, "replace"))
        return fail(m, -EINVAL, "unknown $patch directive: %.40s", word ? word : "?");
    bool whole = shape.field && (shape.field->flags & SCHEMA_ATOMIC);
    if (directive || whole || value_type(old) != VALUE_MAP)
        old = NULL;
    cleanup(map_patch_done) struct map_patch patch;
    read_map(m, map, &patch);
    struct value *out = value_new_map();
    for (size_t i = 0; i < value_len(old) && m->rc == 0; i++) {
        const char *key = value_key_at(old, i);
        if (is_retained(&patch, key))
            put_field(out, key, merge_field(m, shape, key, value_at(old, i), &patch));
    }
    for (size_t i = 0; i < value_len(map) && m->rc == 0; i++) {
        const char *key = value_key_at(map, i);
        if (!is_directive(key) && !value_get(old, key))
            put_field(out, key, merge_field(m, shape, key, NULL, &patch));
    }
    return out;
}

/* Depth is bounded by the patch, a parsed document. */
static struct value *merge_value(struct merge *m, struct shape shape, const struct value *old,
                                 const struct value *patch)
{
    if (value_type(patch) == VALUE_MAP)
        return merge_map(m, shape, old, patch);
    return value_copy(patch);
}

int patch_strategic(const struct schema_type *type, const struct value *object,
                    const struct value *patch, struct value **ret, struct err *err)
{
    struct merge m = {0, err};
    if (value_type(patch) != VALUE_MAP)
        return err_set(err, -EINVAL, "a strategic merge patch must be an object");
    struct value *merged = merge_map(&m, (struct shape){type, NULL}, object, patch);
    if (m.rc == 0)
        *ret = merged ? merged : value_new_map();
    else
        value_free(merged);
    return m.rc;
}
