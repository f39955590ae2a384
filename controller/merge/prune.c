#include "controller/merge/prune.h"

#include "common/base/mem.h"
#include "common/base/str.h"

static void prune_object(const struct schema_type *type, struct value *object, const char *path,
                         struct diags *dropped);

static void prune_field(const struct schema_field *field, struct value *value, const char *path,
                        struct diags *dropped);

static void prune_items(const struct schema_field *field, struct value *items, const char *path,
                        struct diags *dropped)
{
    bool nested = field->item == SCHEMA_LIST || field->item == SCHEMA_MAP;
    bool list = value_type(items) == VALUE_LIST;
    for (size_t i = 0; i < value_len(items); i++) {
        autofree char *at = list ? xasprintf("%s[%zu]", path, i)
                                 : xasprintf("%s[%s]", path, value_key_at(items, i));
        if (nested)
            prune_field(field->items, value_at(items, i), at, dropped);
        else
            prune_object(field->object, value_at(items, i), at, dropped);
    }
}

static void prune_field(const struct schema_field *field, struct value *value, const char *path,
                        struct diags *dropped)
{
    bool many = field->shape == SCHEMA_LIST || field->shape == SCHEMA_MAP;
    if (field->shape == SCHEMA_OBJECT)
        prune_object(field->object, value, path, dropped);
    else if (many && (field->item == SCHEMA_OBJECT || field->item == SCHEMA_LIST ||
                      field->item == SCHEMA_MAP))
        prune_items(field, value, path, dropped);
}

static bool is_known(const struct schema_type *type, const char *key, bool root)
{
    return type->open || schema_field_find(type, key) ||
           (root && (str_eq(key, "apiVersion") || str_eq(key, "kind")));
}

/* Depth is bounded by the document's. */
static void prune_object(const struct schema_type *type, struct value *object, const char *path,
                         struct diags *dropped)
{
    if (value_type(object) != VALUE_MAP || !type)
        return;
    for (size_t i = value_len(object); i-- > 0;) {
        const char *key = value_key_at(object, i);
        autofree char *at = *path ? xasprintf("%s.%s", path, key) : xstrdup(key);
        if (is_known(type, key, !*path)) {
            const struct schema_field *field = schema_field_find(type, key);
            if (field)
                prune_field(field, value_at(object, i), at, dropped);
            continue;
        }
        if (dropped)
            diags_add(dropped, value_key_line_at(object, i), at, CAUSE_UNKNOWN,
                      "unknown field \"%s\"", at);
        value_del(object, key);
    }
}

void prune(const struct schema_type *type, struct value *object, struct diags *dropped)
{
    prune_object(type, object, "", dropped);
}
