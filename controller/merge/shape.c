#include "controller/merge/shape.h"

struct shape shape_of_key(struct shape at, const char *key)
{
    if (at.type) {
        const struct schema_field *field = schema_field_find(at.type, key);
        bool object = field && field->shape == SCHEMA_OBJECT;
        return (struct shape){object ? field->object : NULL, field};
    }
    bool items = at.field && at.field->shape == SCHEMA_MAP && at.field->item == SCHEMA_OBJECT;
    return (struct shape){items ? at.field->object : NULL, NULL};
}

struct shape shape_of_item(const struct schema_field *field)
{
    return (struct shape){field->item == SCHEMA_OBJECT ? field->object : NULL, NULL};
}

const char *shape_merge_key(const struct schema_field *field)
{
    bool merged = field && field->shape == SCHEMA_LIST && !(field->flags & SCHEMA_ATOMIC);
    return merged ? field->merge_key : NULL;
}

bool shape_is_whole(struct shape at)
{
    bool map = at.field && at.field->shape != SCHEMA_LIST;
    return (at.type && at.type->whole) ||
           (map && (at.field->flags & (SCHEMA_WHOLE | SCHEMA_ATOMIC)));
}

bool shape_is_set(const struct schema_field *field)
{
    return field && field->shape == SCHEMA_LIST && (field->flags & SCHEMA_SET);
}
