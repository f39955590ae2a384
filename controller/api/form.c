#include "controller/api/form.h"

const struct schema_kind *form_stored(const struct schema_kind *kind)
{
    return kind->stored ? kind->stored : kind;
}

static void name_version(const struct schema_kind *kind, struct value *object)
{
    char api_version[128];
    value_set_str(object, "apiVersion", schema_api_version(kind, api_version));
    value_set_str(object, "kind", kind->kind);
}

void form_read(const struct schema_kind *kind, struct value *object)
{
    if (!kind->stored)
        return;
    if (kind->from_stored)
        kind->from_stored(object);
    name_version(kind, object);
}

void form_write(const struct schema_kind *kind, struct value *object)
{
    if (!kind->stored)
        return;
    if (kind->to_stored)
        kind->to_stored(object);
    name_version(kind->stored, object);
}
