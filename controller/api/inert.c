#include "controller/api/inert.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/merge/keyed.h"

#include <inttypes.h>
#include <stdio.h>

#define CAUSE_INERT "FieldInert"

struct walk {
    struct buf path;
    struct diags *warnings;
    size_t told;
};

/* before: what is stored in its place; NULL: nothing. */
static void look_at(struct walk *walk, const struct schema_type *type, const struct value *before,
                    const struct value *object);

static size_t enter(struct walk *walk, const char *name)
{
    size_t mark = walk->path.len;
    (void)buf_addf(&walk->path, "%s%s", mark && *name != '[' ? "." : "", name);
    return mark;
}

static void leave(struct walk *walk, size_t mark)
{
    walk->path.len = mark;
    walk->path.data[mark] = '\0';
}

static bool is_told(const struct walk *walk)
{
    const struct diags *warnings = walk->warnings;
    for (size_t i = 0; i < warnings->count; i++)
        if (str_eq(warnings->items[i].cause, CAUSE_INERT) &&
            str_eq(warnings->items[i].path, buf_str(&walk->path)))
            return true;
    return false;
}

static void tell(struct walk *walk)
{
    const char *path = buf_str(&walk->path);
    if (walk->told == INERT_MAX || is_told(walk))
        return;
    walk->told++;
    diags_add(walk->warnings, 0, path, CAUSE_INERT,
              "%.160s: accepted and kept; nothing acts on it yet", path);
}

static bool is_default(const struct schema_field *field, const struct value *value)
{
    char number[24];
    switch (value_type(value)) {
    case VALUE_BOOL:
        return str_eq(field->def, value_bool(value, false) ? "true" : "false");
    case VALUE_INT:
        snprintf(number, sizeof(number), "%" PRId64, value_int(value, 0));
        return str_eq(field->def, number);
    case VALUE_STRING:
        return str_eq(field->def, value_str(value));
    case VALUE_LIST:
    case VALUE_MAP:
        return value_len(value) == 0;
    default:
        return value_type(value) == VALUE_NULL;
    }
}

/* Items are found again by what they are merged by. */
static const struct value *item_before(const struct keyed *places, const struct value *before,
                                       const struct value *items, size_t i)
{
    if (value_type(before) == VALUE_MAP)
        return value_get(before, value_key_at(items, i));
    size_t place = places ? keyed_find(places, value_at(items, i)) : i;
    return place < value_len(before) ? value_at(before, place) : NULL;
}

static void look_at_items(struct walk *walk, const struct schema_field *field,
                          const struct value *before, const struct value *items)
{
    bool keyed = field->shape == SCHEMA_LIST && field->merge_key;
    cleanup(keyed_free) struct keyed *places = keyed ? keyed_new(before, field->merge_key) : NULL;
    size_t mark = enter(walk, "[*]");
    for (size_t i = 0; i < value_len(items); i++)
        look_at(walk, field->object, item_before(places, before, items, i), value_at(items, i));
    leave(walk, mark);
}

static bool is_said(const struct schema_field *field, const struct value *before,
                    const struct value *value)
{
    return !is_default(field, value) && !(before && value_equal(before, value));
}

/* Depth is bounded by the document's. */
static void look_at(struct walk *walk, const struct schema_type *type, const struct value *before,
                    const struct value *object)
{
    for (size_t i = 0; value_type(object) == VALUE_MAP && i < value_len(object); i++) {
        const char *key = value_key_at(object, i);
        const struct schema_field *field = schema_field_find(type, key);
        const struct value *value = value_at(object, i), *was = value_get(before, key);
        bool status = walk->path.len == 0 && str_eq(key, "status");
        if (!field || status)
            continue;
        size_t mark = enter(walk, key);
        bool many = field->shape == SCHEMA_LIST || field->shape == SCHEMA_MAP;
        if ((field->flags & SCHEMA_INERT) && is_said(field, was, value) && !WEAKENED(INERT_FIELD))
            tell(walk);
        else if (field->shape == SCHEMA_OBJECT)
            look_at(walk, field->object, was, value);
        else if (many && field->item == SCHEMA_OBJECT)
            look_at_items(walk, field, was, value);
        leave(walk, mark);
    }
}

void inert_warn(const struct schema_kind *kind, const struct value *stored,
                const struct value *object, struct diags *warnings)
{
    struct walk walk = {.warnings = warnings};
    buf_init(&walk.path, 0);
    if (kind->flags & SCHEMA_KIND_INERT) {
        size_t mark = enter(&walk, kind->kind);
        tell(&walk);
        leave(&walk, mark);
    }
    look_at(&walk, kind->type, stored, object);
    buf_done(&walk.path);
}
