#include "common/schema/proto.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/data/wire.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct decoder {
    size_t nodes;
    int depth;
    struct err *err;
};

/* Small messages of a fixed form: their fields 1 to 3, the last of each (number 0: absent). */
struct small {
    struct wire_field field[4];
};

static int malformed(const struct decoder *d, const char *why)
{
    return err_set(d->err, -EINVAL, "%s", why);
}

static int count_nodes(struct decoder *d, size_t count)
{
    d->nodes += count;
    if (d->nodes > DATA_MAX_NODES && !WEAKENED(PROTO_NODES))
        return err_set(d->err, -E2BIG, "more than %d values", DATA_MAX_NODES);
    return 0;
}

static int read_small(const struct decoder *d, struct wire message, struct small *ret)
{
    struct wire_field field;
    int r;
    *ret = (struct small){0};
    while ((r = wire_next(&message, &field)) > 0)
        if (field.number < ARRAY_LEN(ret->field))
            ret->field[field.number] = field;
    return r ? malformed(d, "not a message") : 0;
}

/* A field of a small message; a default (0, no bytes) where it is absent. */
static int small_field(const struct decoder *d, const struct small *small, size_t i,
                       enum wire_type type, struct wire_field *ret)
{
    *ret = small->field[i];
    return ret->number == 0 || ret->type == type ? 0 : malformed(d, "of another wire type");
}

/* ---- scalars: one value of a shape; *ret NULL: it is as good as absent ---- */

static int text_of(const struct decoder *d, struct wire bytes, struct value **ret)
{
    const char *text = bytes.at ? (const char *)bytes.at : "";
    size_t len = wire_len(&bytes);
    if (!str_is_utf8(text, len))
        return malformed(d, "not UTF-8, or with a NUL");
    *ret = value_new_strn(text, len);
    return 0;
}

static int decode_string(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    return text_of(d, in->bytes, ret);
}

static int decode_bool(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    (void)d;
    *ret = value_new_bool(in->scalar != 0);
    return 0;
}

static int decode_int32(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    (void)d;
    *ret = value_new_int((int32_t)(uint32_t)in->scalar);
    return 0;
}

static int decode_int64(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    (void)d;
    *ret = value_new_int((int64_t)in->scalar);
    return 0;
}

static int decode_double(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    double number;
    memcpy(&number, &in->scalar, sizeof(number));
    if (!isfinite(number))
        return malformed(d, "not a finite number");
    /* As JSON has it: 1, not 1.0. */
    bool whole = fabs(number) < 0x1p53 && number == (double)(int64_t)number;
    *ret = whole ? value_new_int((int64_t)number) : value_new_float(number);
    return 0;
}

static int decode_quantity(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    struct small small;
    struct wire_field text;
    if (read_small(d, in->bytes, &small) || small_field(d, &small, 1, WIRE_BYTES, &text))
        return -EINVAL;
    if (wire_len(&text.bytes) > 0)
        return text_of(d, text.bytes, ret);
    *ret = value_new_str("0");
    return 0;
}

static int decode_int_or_string(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    struct small small;
    struct wire_field which, number, text;
    if (read_small(d, in->bytes, &small) || small_field(d, &small, 1, WIRE_VARINT, &which) ||
        small_field(d, &small, 2, WIRE_VARINT, &number) ||
        small_field(d, &small, 3, WIRE_BYTES, &text))
        return -EINVAL;
    return which.scalar ? text_of(d, text.bytes, ret) : decode_int32(d, &number, ret);
}

/* Times of the years 1 to 9999, which RFC 3339 has; the zero time is an empty message. */
static int read_time(struct decoder *d, const struct wire_field *in, struct tm *ret, int64_t *nanos)
{
    struct small small;
    struct wire_field seconds, part;
    if (read_small(d, in->bytes, &small) || small_field(d, &small, 1, WIRE_VARINT, &seconds) ||
        small_field(d, &small, 2, WIRE_VARINT, &part))
        return -EINVAL;
    time_t at = (time_t)seconds.scalar;
    *nanos = (int32_t)(uint32_t)part.scalar;
    bool fits = at >= INT64_C(-62135596800) && at <= INT64_C(253402300799) && *nanos >= 0 &&
                *nanos < 1000000000;
    return fits && gmtime_r(&at, ret) ? 0 : malformed(d, "not a time");
}

static int decode_any_time(struct decoder *d, const struct wire_field *in, bool micro,
                           struct value **ret)
{
    struct tm tm;
    char text[64], fraction[16] = "";
    int64_t nanos;
    if (wire_len(&in->bytes) == 0)
        return 0;
    int r = read_time(d, in, &tm, &nanos);
    if (r)
        return r;
    if (micro)
        snprintf(fraction, sizeof(fraction), ".%06d", (int)(nanos / 1000));
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
    *ret = value_new_str(text);
    return 0;
}

static int decode_time(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    return decode_any_time(d, in, false, ret);
}

static int decode_microtime(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    return decode_any_time(d, in, true, ret);
}

static int decode_bytes(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    (void)d;
    *ret = value_adopt_str(base64_encode(in->bytes.at, wire_len(&in->bytes)));
    return 0;
}

/* RawExtension, FieldsV1 and JSON all hold JSON in field 1. */
static int decode_raw(struct decoder *d, const struct wire_field *in, struct value **ret)
{
    struct small small;
    struct wire_field raw;
    int depth, r;
    if (read_small(d, in->bytes, &small) || small_field(d, &small, 1, WIRE_BYTES, &raw))
        return -EINVAL;
    size_t len = wire_len(&raw.bytes);
    if (len == 0)
        return 0;
    cleanup(value_free) struct value *value = NULL;
    r = json_parse((const char *)raw.bytes.at, len, &value, d->err);
    if (r == 0)
        r = count_nodes(d, value_size(value, &depth));
    if (r == 0 && d->depth + depth > DATA_MAX_DEPTH)
        r = err_set(d->err, -E2BIG, "nested deeper than %d", DATA_MAX_DEPTH);
    if (r == 0) {
        *ret = value;
        value = NULL;
    }
    return r;
}

static const struct {
    enum wire_type type;
    int (*decode)(struct decoder *d, const struct wire_field *in, struct value **ret);
} shapes[] = {
    [SCHEMA_STRING] = {WIRE_BYTES, decode_string},
    [SCHEMA_BOOL] = {WIRE_VARINT, decode_bool},
    [SCHEMA_INT32] = {WIRE_VARINT, decode_int32},
    [SCHEMA_INT64] = {WIRE_VARINT, decode_int64},
    [SCHEMA_DOUBLE] = {WIRE_FIXED64, decode_double},
    [SCHEMA_QUANTITY] = {WIRE_BYTES, decode_quantity},
    [SCHEMA_INT_OR_STRING] = {WIRE_BYTES, decode_int_or_string},
    [SCHEMA_TIME] = {WIRE_BYTES, decode_time},
    [SCHEMA_MICROTIME] = {WIRE_BYTES, decode_microtime},
    [SCHEMA_BYTES] = {WIRE_BYTES, decode_bytes},
    [SCHEMA_ANY] = {WIRE_BYTES, decode_raw},
    [SCHEMA_OBJECT] = {WIRE_BYTES, NULL},
    [SCHEMA_LIST] = {WIRE_BYTES, NULL}, /* lists of lists have no form in protobuf */
    [SCHEMA_MAP] = {WIRE_BYTES, NULL},
};

/* ---- messages ---- */

static int decode_message(struct decoder *d, const struct schema_type *type, struct wire message,
                          struct value *into);

/* A value of that shape, new; *ret NULL: absent. */
static int decode_item(struct decoder *d, const struct schema_field *field, enum schema_shape shape,
                       const struct wire_field *in, struct value **ret)
{
    *ret = NULL;
    if (in->type != shapes[shape].type)
        return malformed(d, "of another wire type");
    if (shape != SCHEMA_OBJECT && !shapes[shape].decode)
        return malformed(d, "has no form in protobuf");
    int r = count_nodes(d, 1);
    if (r || shape != SCHEMA_OBJECT)
        return r ? r : shapes[shape].decode(d, in, ret);
    *ret = value_new_map();
    r = decode_message(d, field->object, in->bytes, *ret);
    if (r) {
        value_free(*ret);
        *ret = NULL;
    }
    return r;
}

static struct value *container(struct value *owner, const struct schema_field *field)
{
    struct value *value = value_get(owner, field->name);
    if (value)
        return value;
    return value_set(owner, field->name,
                     field->shape == SCHEMA_LIST ? value_new_list() : value_new_map());
}

static int decode_packed(struct decoder *d, const struct schema_field *field,
                         const struct wire_field *in, struct value *list)
{
    struct wire packed = in->bytes;
    struct wire_field item = {.number = in->number, .type = (uint8_t)shapes[field->item].type};
    int r;
    for (;;) {
        struct value *value;
        r = item.type == WIRE_VARINT ? wire_next_varint(&packed, &item.scalar)
                                     : wire_next_fixed64(&packed, &item.scalar);
        if (r <= 0)
            return r ? malformed(d, "not a packed list") : 0;
        r = decode_item(d, field, field->item, &item, &value);
        if (r)
            return r;
        value_append(list, value);
    }
}

static int decode_list(struct decoder *d, const struct schema_field *field,
                       const struct wire_field *in, struct value *into)
{
    struct value *item, *list = container(into, field);
    if (in->type == WIRE_BYTES && shapes[field->item].type != WIRE_BYTES)
        return decode_packed(d, field, in, list);
    int r = decode_item(d, field, field->item, in, &item);
    if (r == 0)
        value_append(list, item ? item : value_new_null());
    return r;
}

static int decode_entry(struct decoder *d, const struct schema_field *field,
                        const struct wire_field *in, struct value *into)
{
    struct small small;
    struct wire_field key, value;
    struct value *item;
    cleanup(value_free) struct value *name = NULL;
    if (in->type != WIRE_BYTES)
        return malformed(d, "of another wire type");
    int r = read_small(d, in->bytes, &small);
    if (r == 0)
        r = small_field(d, &small, 1, WIRE_BYTES, &key);
    if (r == 0)
        r = small_field(d, &small, 2, shapes[field->item].type, &value);
    if (r == 0)
        r = text_of(d, key.bytes, &name);
    value.type = (uint8_t)shapes[field->item].type; /* of an absent one too: it is zero */
    if (r == 0)
        r = decode_item(d, field, field->item, &value, &item);
    if (r == 0)
        value_set(container(into, field), value_str(name), item ? item : value_new_null());
    return r;
}

static bool is_zero(const struct value *value)
{
    return value_float(value, 1) == 0 ||
           (value_type(value) == VALUE_BOOL && !value_bool(value, true)) ||
           str_eq(value_str(value), "");
}

/* Whether JSON would leave it out. */
static bool is_omitted(const struct schema_field *field, const struct value *value)
{
    if (field->flags & SCHEMA_REQUIRED || !is_zero(value))
        return false;
    if (WEAKENED(PROTO_ZERO))
        return true;
    return field->shape == SCHEMA_STRING ? !(field->flags & SCHEMA_MAY_BE_EMPTY)
                                         : field->flags & SCHEMA_OMIT_ZERO;
}

static int decode_single(struct decoder *d, const struct schema_field *field,
                         const struct wire_field *in, struct value *into)
{
    struct value *value;
    int r = decode_item(d, field, field->shape, in, &value);
    if (r)
        return r;
    if (value && !is_omitted(field, value)) {
        value_set(into, field->name, value);
    } else {
        value_free(value);
        value_del(into, field->name); /* the last one counts */
    }
    return 0;
}

/* JSONSchemaPropsOrBool: field 1 is the truth, field 2 the object where there is one. */
static int decode_or_bool(struct decoder *d, const struct schema_field *field,
                          const struct wire_field *in, struct value *into)
{
    struct small small;
    struct wire_field truth;
    int r = read_small(d, in->bytes, &small);
    if (r == 0)
        r = small_field(d, &small, 1, WIRE_VARINT, &truth);
    if (r)
        return r;
    if (value_type(value_get(into, field->name)) != VALUE_MAP)
        value_del(into, field->name); /* it came before, as a truth */
    if (small.field[2].number)
        return decode_message(d, field->object, in->bytes, container(into, field));
    value_set_bool(into, field->name, truth.scalar != 0);
    return 0;
}

static int decode_field(struct decoder *d, const struct schema_field *field,
                        const struct wire_field *in, struct value *into)
{
    if (field->shape == SCHEMA_LIST)
        return decode_list(d, field, in, into);
    if (field->shape == SCHEMA_MAP)
        return decode_entry(d, field, in, into);
    if (field->shape != SCHEMA_OBJECT)
        return decode_single(d, field, in, into);
    if (in->type != WIRE_BYTES)
        return malformed(d, "of another wire type");
    bool is_inline = field->flags & SCHEMA_INLINE;
    int r = count_nodes(d, 1);
    if (r == 0 && field->object->or_bool)
        return decode_or_bool(d, field, in, into);
    return r ? r
             : decode_message(d, field->object, in->bytes,
                              is_inline ? into : container(into, field));
}

static const struct schema_field *by_number(const struct schema_type *type, uint32_t number)
{
    for (const struct schema_field *field = type->fields; field->name; field++)
        if (field->number == number)
            return field;
    return NULL;
}

static int decode_fields(struct decoder *d, const struct schema_type *type, struct wire message,
                         struct value *into)
{
    struct wire_field in;
    int r;
    while ((r = wire_next(&message, &in)) > 0) {
        const struct schema_field *field = by_number(type, in.number);
        r = field ? decode_field(d, field, &in, into) : 0;
        if (r) /* each level names itself; the message is cut to its 255 bytes */
            return err_wrap(d->err, "%s", field->name);
    }
    return r ? malformed(d, "not a message") : 0;
}

static int decode_message(struct decoder *d, const struct schema_type *type, struct wire message,
                          struct value *into)
{
    if (d->depth >= DATA_MAX_DEPTH && !WEAKENED(PROTO_DEPTH))
        return err_set(d->err, -E2BIG, "nested deeper than %d", DATA_MAX_DEPTH);
    d->depth++;
    int r = decode_fields(d, type, message, into);
    d->depth--;
    return r;
}

int proto_decode(const struct schema_type *type, const void *raw, size_t len, struct value **ret,
                 struct err *err)
{
    struct err own = {0};
    struct decoder d = {.err = err ? err : &own};
    if (len > DATA_MAX_BYTES)
        return err_set(err, -E2BIG, "longer than %d bytes", DATA_MAX_BYTES);
    cleanup(value_free) struct value *object = value_new_map();
    int r = decode_message(&d, type, wire_of(raw, len), object);
    if (r)
        return r;
    *ret = object;
    object = NULL;
    return 0;
}

/* ---- the envelope ---- */

static const char magic[4] = {'k', '8', 's', '\0'};

static int copy_word(const struct decoder *d, const struct small *small, size_t i, char *ret,
                     size_t size)
{
    struct wire_field field;
    int r = small_field(d, small, i, WIRE_BYTES, &field);
    size_t len = wire_len(&field.bytes);
    if (r)
        return r;
    if (len >= size || !str_is_utf8(len ? (const char *)field.bytes.at : "", len))
        return malformed(d, "not an apiVersion and kind");
    snprintf(ret, size, "%.*s", (int)len, len ? (const char *)field.bytes.at : "");
    return 0;
}

int proto_open(const void *body, size_t len, struct proto_envelope *ret, struct err *err)
{
    struct err own = {0};
    struct decoder d = {.err = err ? err : &own};
    struct small unknown, meta;
    struct wire_field type, raw;
    if (len < sizeof(magic) || memcmp(body, magic, sizeof(magic)) != 0)
        return malformed(&d, "does not begin with k8s and a zero byte");
    struct proto_envelope found = {.len = 0};
    int r = read_small(&d, wire_of((const uint8_t *)body + sizeof(magic), len - sizeof(magic)),
                       &unknown);
    if (r == 0)
        r = small_field(&d, &unknown, 1, WIRE_BYTES, &type);
    if (r == 0)
        r = small_field(&d, &unknown, 2, WIRE_BYTES, &raw);
    if (r == 0)
        r = read_small(&d, type.bytes, &meta);
    if (r == 0)
        r = copy_word(&d, &meta, 1, found.api_version, sizeof(found.api_version));
    if (r == 0)
        r = copy_word(&d, &meta, 2, found.kind, sizeof(found.kind));
    if (r)
        return r;
    found.raw = raw.bytes.at ? (const void *)raw.bytes.at : "";
    found.len = wire_len(&raw.bytes);
    *ret = found;
    return 0;
}
