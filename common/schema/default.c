#include "common/base/str.h"
#include "common/schema/quantity.h"
#include "common/schema/schema.h"

/* The default of a field as a value. */
static struct value *default_value(const struct schema_field *field)
{
    int64_t i;
    if (!field->def)
        return value_copy(field->rule->more->def);
    switch ((enum schema_shape)field->shape) {
    case SCHEMA_BOOL:
        return value_new_bool(strcmp(field->def, "true") == 0);
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_INT_OR_STRING:
        if (str_to_i64(field->def, &i) == 0)
            return value_new_int(i);
        return value_new_str(field->def);
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
        return value_new_map();
    case SCHEMA_LIST:
        return value_new_list();
    default:
        return value_new_str(field->def);
    }
}

static void normalise_item(const struct schema_field *field, enum schema_shape shape,
                           struct value *owner, const char *key, size_t i)
{
    struct value *item = key ? value_get(owner, key) : value_at(owner, i);
    struct quantity quantity;
    char text[64];
    if (shape == SCHEMA_OBJECT) {
        schema_default_type(field->object, item);
    } else if (shape == SCHEMA_QUANTITY && quantity_of(item, &quantity) == 0) {
        quantity_format(&quantity, text);
        if (str_eq(value_str(item), text))
            return;
        struct value *canonical = value_new_str(text);
        value_set_line(canonical, value_line(item));
        if (key) {
            value_set(owner, key, canonical);
        } else {
            value_remove_at(owner, i);
            value_insert(owner, i, canonical);
        }
    }
}

/* Of a map: {a: null}. */
static void drop_nulls(const struct schema_field *field, struct value *map)
{
    bool drop = value_type(map) == VALUE_MAP && field->item != SCHEMA_ANY;
    for (size_t i = value_len(map); i-- > 0 && drop && !field->rule->more->null_items;)
        if (value_type(value_at(map, i)) == VALUE_NULL)
            value_del(map, value_key_at(map, i));
}

static bool is_nested(const struct schema_field *field)
{
    return field->item == SCHEMA_LIST || field->item == SCHEMA_MAP;
}

static void normalise_items(const struct schema_field *field, struct value *items)
{
    bool leaves = field->item != SCHEMA_OBJECT && field->item != SCHEMA_QUANTITY;
    for (size_t i = 0; i < value_len(items) && is_nested(field); i++)
        normalise_items(field->items, value_at(items, i));
    for (size_t i = 0; i < value_len(items) && !leaves; i++)
        normalise_item(field, field->item, items, value_key_at(items, i), i);
    if (field->rule && field->rule->more) {
        drop_nulls(field, items);
        return;
    }
    if (field->shape != SCHEMA_MAP || field->item == SCHEMA_OBJECT)
        return;
    for (size_t i = 0; i < value_len(items); i++) /* {a: } is {a: ""} */
        if (value_type(value_at(items, i)) == VALUE_NULL && field->item != SCHEMA_ANY)
            value_set_str(items, value_key_at(items, i), "");
}

static bool has_default(const struct schema_field *field)
{
    return field->def || (field->rule && field->rule->more && field->rule->more->def);
}

static void default_field(const struct schema_field *field, struct value *object)
{
    struct value *value = value_get(object, field->name);
    if (value && value_type(value) == VALUE_NULL && field->shape != SCHEMA_ANY &&
        !(field->flags & SCHEMA_NULLABLE)) {
        value_del(object, field->name);
        value = NULL;
    }
    /* To Kubernetes a string of "" is absent, and so is defaulted; so are some numbers of 0. */
    if (value_type(value) == VALUE_STRING && !*value_str(value) && field->def && *field->def)
        value = NULL;
    if (field->flags & SCHEMA_OMIT_ZERO && value_int(value, 1) == 0)
        value = NULL;
    if (!value && has_default(field))
        value = value_set(object, field->name, default_value(field));
    if (!value)
        return;
    if (field->shape == SCHEMA_LIST || field->shape == SCHEMA_MAP)
        normalise_items(field, value);
    else
        normalise_item(field, field->shape, object, field->name, 0);
}

static void fill(const struct schema_type *type, struct value *object)
{
    for (const struct schema_field *field = type->fields; field->name; field++)
        if (field->flags & SCHEMA_INLINE)
            fill(field->object, object);
    if (type->fill)
        type->fill(object);
}

void schema_default_type(const struct schema_type *type, struct value *value)
{
    if (value_type(value) != VALUE_MAP)
        return;
    struct schema_fields it = {0};
    for (const struct schema_field *field; (field = schema_fields_next(type, &it));)
        default_field(field, value);
    fill(type, value);
}

void schema_default(const struct schema_kind *kind, struct value *object)
{
    struct value *status = schema_status_apart(kind) ? value_take(object, "status") : NULL;
    schema_default_type(kind->type, object);
    if (status)
        value_set(object, "status", status);
}
