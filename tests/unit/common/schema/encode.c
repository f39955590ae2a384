#include "encode.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/wire.h"
#include "common/schema/quantity.h"

#include <stdio.h>
#include <time.h>

static void put_quantity(struct buf *to, const struct value *value, uint32_t number)
{
    struct quantity quantity;
    struct buf inner = {0};
    char text[64];
    if (quantity_of(value, &quantity) != 0)
        abort();
    quantity_format(&quantity, text);
    wire_add_str(&inner, 1, text);
    wire_add_message(to, number, &inner);
}

static void put_int_or_string(struct buf *to, const struct value *value, uint32_t number)
{
    struct buf inner = {0};
    wire_add_number(&inner, 1, value_str(value) != NULL);
    wire_add_number(&inner, 2, (uint64_t)value_int(value, 0));
    wire_add_str(&inner, 3, value_str(value) ? value_str(value) : "");
    wire_add_message(to, number, &inner);
}

static void put_time(struct buf *to, const struct value *value, uint32_t number)
{
    struct tm tm = {0};
    struct buf inner = {0};
    const char *rest = value ? strptime(value_str(value), "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (rest) {
        wire_add_number(&inner, 1, (uint64_t)timegm(&tm));
        wire_add_number(&inner, 2, *rest == '.' ? (uint64_t)atoi(rest + 1) * 1000 : 0);
    }
    wire_add_message(to, number, &inner);
}

static void put_bytes(struct buf *to, const struct value *value, uint32_t number)
{
    uint8_t *bytes;
    size_t len;
    if (base64_decode(value_str(value), strlen(value_str(value)), &bytes, &len) != 0)
        abort();
    wire_add_bytes(to, number, bytes, len);
    free(bytes);
}

static void put_any(struct buf *to, const struct value *value, uint32_t number)
{
    struct buf json = {0}, inner = {0};
    (void)json_write(value, &json);
    wire_add_bytes(&inner, 1, json.data, json.len);
    buf_done(&json);
    wire_add_message(to, number, &inner);
}

static void put_double(struct buf *to, const struct value *value, uint32_t number)
{
    double d = value_float(value, 0);
    uint64_t bits;
    memcpy(&bits, &d, sizeof(bits));
    wire_add_fixed64(to, number, bits);
}

static void put_one(struct buf *to, const struct schema_field *field, enum schema_shape shape,
                    const struct value *value, uint32_t number, bool zeros)
{
    struct buf inner = {0};
    switch (shape) {
    case SCHEMA_BOOL:
        wire_add_number(to, number, value_bool(value, false));
        break;
    case SCHEMA_INT32:
    case SCHEMA_INT64:
        wire_add_number(to, number, (uint64_t)value_int(value, 0));
        break;
    case SCHEMA_DOUBLE:
        put_double(to, value, number);
        break;
    case SCHEMA_QUANTITY:
        put_quantity(to, value, number);
        break;
    case SCHEMA_INT_OR_STRING:
        put_int_or_string(to, value, number);
        break;
    case SCHEMA_TIME:
    case SCHEMA_MICROTIME:
        put_time(to, value, number);
        break;
    case SCHEMA_BYTES:
        put_bytes(to, value, number);
        break;
    case SCHEMA_ANY:
        put_any(to, value, number);
        break;
    case SCHEMA_OBJECT:
        if (value_type(value) == VALUE_BOOL) /* of a type with or_bool */
            wire_add_number(&inner, 1, value_bool(value, false));
        else
            encode_message(field->object, value, zeros, &inner);
        wire_add_message(to, number, &inner);
        break;
    default:
        wire_add_str(to, number, value_str(value) ? value_str(value) : "");
    }
}

static void put_field(struct buf *to, const struct schema_field *field, const struct value *value,
                      bool zeros)
{
    for (size_t i = 0; field->shape == SCHEMA_LIST && i < value_len(value); i++)
        put_one(to, field, field->item, value_at(value, i), field->number, zeros);
    for (size_t i = 0; field->shape == SCHEMA_MAP && i < value_len(value); i++) {
        struct buf entry = {0};
        wire_add_str(&entry, 1, value_key_at(value, i));
        put_one(&entry, field, field->item, value_at(value, i), 2, zeros);
        wire_add_message(to, field->number, &entry);
    }
    if (field->shape != SCHEMA_LIST && field->shape != SCHEMA_MAP)
        put_one(to, field, field->shape, value, field->number, zeros);
}

void encode_message(const struct schema_type *type, const struct value *object, bool zeros,
                    struct buf *ret)
{
    for (const struct schema_field *field = type->fields; field->name; field++) {
        const struct value *value = value_get(object, field->name);
        struct buf inner = {0};
        if (field->number == 0)
            continue; /* not in protobuf */
        if (field->flags & SCHEMA_INLINE) {
            encode_message(field->object, object, zeros, &inner);
            wire_add_message(ret, field->number, &inner);
        } else if (value_type(value) != VALUE_NULL) {
            put_field(ret, field, value, zeros);
        } else if (zeros && (field->shape == SCHEMA_STRING || field->flags & SCHEMA_OMIT_ZERO)) {
            put_field(ret, field, NULL, zeros);
        }
    }
}

void encode_object(const struct schema_kind *kind, const struct value *object, bool zeros,
                   struct buf *ret)
{
    struct buf meta = {0}, raw = {0};
    char api_version[128];
    wire_add_str(&meta, 1, schema_api_version(kind, api_version));
    wire_add_str(&meta, 2, kind->kind);
    encode_message(kind->type, object, zeros, &raw);
    (void)buf_add(ret, "k8s\0", 4);
    wire_add_message(ret, 1, &meta);
    wire_add_message(ret, 2, &raw);
    wire_add_str(ret, 3, "");
    wire_add_str(ret, 4, "");
}
