#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"
#include "common/schema/schema.h"

#include <stdio.h>

static bool equals_default(const struct schema_field *field, const struct value *value)
{
    const char *def = field->def, *s = value_str(value);
    char text[32];
    switch (value_type(value)) {
    case VALUE_STRING:
        return strcmp(s, def) == 0;
    case VALUE_BOOL:
        return strcmp(value_bool(value, false) ? "true" : "false", def) == 0;
    case VALUE_INT:
        snprintf(text, sizeof(text), "%lld", (long long)value_int(value, 0));
        return strcmp(text, def) == 0;
    case VALUE_LIST:
    case VALUE_MAP:
        return value_len(value) == 0;
    default:
        return false;
    }
}

/* A copy without what canonical bytes leave out. */
static struct value *strip(const struct schema_type *type, const struct value *object);

static struct value *strip_item(const struct schema_field *field, enum schema_shape shape,
                                const struct value *value)
{
    if (shape == SCHEMA_OBJECT && value_type(value) == VALUE_MAP)
        return strip(field->object, value);
    if (field->item != SCHEMA_OBJECT || (shape != SCHEMA_LIST && shape != SCHEMA_MAP))
        return value_copy(value);
    struct value *copy = shape == SCHEMA_LIST ? value_new_list() : value_new_map();
    for (size_t i = 0; i < value_len(value); i++) {
        struct value *item = strip_item(field, SCHEMA_OBJECT, value_at(value, i));
        if (shape == SCHEMA_LIST)
            value_append(copy, item);
        else
            value_set(copy, value_key_at(value, i), item);
    }
    return copy;
}

static struct value *strip(const struct schema_type *type, const struct value *object)
{
    struct value *copy = value_new_map();
    for (size_t i = 0; i < value_len(object); i++) {
        const char *key = value_key_at(object, i);
        const struct value *value = value_at(object, i);
        const struct schema_field *field = schema_field_find(type, key);
        if (value_type(value) == VALUE_NULL)
            continue;
        if (!field) {
            value_set(copy, key, value_copy(value));
            continue;
        }
        cleanup(value_free) struct value *kept = strip_item(field, field->shape, value);
        if (!field->def || !equals_default(field, kept) || WEAKENED(SCHEMA_HASH_DEFAULTS))
            value_set(copy, key, steal(kept));
    }
    return copy;
}

int schema_canonical(const struct schema_type *type, const struct value *value, struct buf *ret)
{
    cleanup(value_free) struct value *stripped = strip(type, value);
    return json_write_canonical(stripped, ret);
}

void schema_hash(const struct schema_type *type, const struct value *value,
                 char ret[static SCHEMA_HASH_LEN + 1])
{
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, 0);
    (void)schema_canonical(type, value, &bytes); /* cannot fail: the buffer has no cap */
    sha256_hex(bytes.data, bytes.len, ret);
}
