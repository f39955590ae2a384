#include "common/base/str.h"
#include "common/schema/schema.h"

#include <stdio.h>

const char *schema_api_version(const struct schema_kind *kind, char ret[static 128])
{
    snprintf(ret, 128, "%s%s%s", kind->group, *kind->group ? "/" : "", kind->version);
    return ret;
}

const struct schema_field *schema_fields_next(const struct schema_type *type,
                                              struct schema_fields *it)
{
    const struct schema_field *stack[ARRAY_LEN(it->at)] = {type->fields};
    for (size_t i = 0; i < it->depth; i++)
        stack[i + 1] = stack[i][it->at[i] - 1].object->fields;
    for (;;) {
        const struct schema_field *field = &stack[it->depth][it->at[it->depth]];
        if (!field->name) {
            if (it->depth == 0)
                return NULL;
            it->depth--;
            continue;
        }
        it->at[it->depth]++;
        if (!(field->flags & SCHEMA_INLINE))
            return field;
        it->at[++it->depth] = 0;
        stack[it->depth] = field->object->fields;
    }
}

const struct schema_field *schema_field_find(const struct schema_type *type, const char *name)
{
    for (const struct schema_field *field = type->fields; field->name; field++) {
        const struct schema_field *found = field;
        if (field->flags & SCHEMA_INLINE)
            found = schema_field_find(field->object, name);
        else if (strcmp(field->name, name) != 0)
            continue;
        if (found)
            return found;
    }
    return NULL;
}

bool schema_key_next(const char **at, char ret[static SCHEMA_KEY_LEN])
{
    size_t len = *at ? strcspn(*at, ",") : 0;
    if (len == 0 || len >= SCHEMA_KEY_LEN)
        return false;
    memcpy(ret, *at, len);
    ret[len] = '\0';
    *at += len;
    *at += **at == ',';
    return true;
}

bool schema_same_key(const char *merge_key, const struct value *a, const struct value *b)
{
    char key[SCHEMA_KEY_LEN];
    bool same = false;
    while (schema_key_next(&merge_key, key)) {
        const struct value *of_a = value_get(a, key);
        same = value_type(of_a) != VALUE_NULL && value_equal(of_a, value_get(b, key));
        if (!same)
            return false;
    }
    return same;
}

bool schema_status_apart(const struct schema_kind *kind)
{
    return !(kind->flags & SCHEMA_KIND_CUSTOM) || (kind->flags & SCHEMA_KIND_STATUS);
}
