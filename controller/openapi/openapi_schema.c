#include "controller/openapi/openapi_schema.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/limits.h"

#include <stdio.h>

struct writer {
    const struct openapi_types *types;
    enum openapi_version version;
    int depth; /* of types that are written out */
};

static struct value *type_schema(struct writer *writer, const struct schema_type *type);
static struct value *field_schema(struct writer *writer, const struct schema_field *field);

static struct value *typed(const char *type, const char *format)
{
    struct value *schema = value_new_map();
    value_set_str(schema, "type", type);
    value_set_str(schema, "format", format);
    return schema;
}

/* Not empty, which kubectl explain takes for missing. */
static struct value *anything(void)
{
    struct value *schema = value_new_map();
    value_set_bool(schema, "x-kubernetes-preserve-unknown-fields", true);
    return schema;
}

static struct value *reference(const struct writer *writer, const char *name)
{
    bool v3 = writer->version == OPENAPI_V3;
    autofree char *path = xasprintf("#/%s/%s", v3 ? "components/schemas" : "definitions", name);
    struct value *ref = value_new_map();
    value_set_str(ref, "$ref", path);
    if (!v3)
        return ref;
    /* Beside a reference nothing counts, so it is one of all. */
    struct value *schema = value_new_map();
    value_append(value_set(schema, "allOf", value_new_list()), ref);
    return schema;
}

static struct value *object_schema(struct writer *writer, const struct schema_type *type)
{
    if (type->or_bool)
        return anything();
    const char *name = openapi_types_name(writer->types, type);
    if (name)
        return reference(writer, name);
    if (writer->depth >= DATA_MAX_DEPTH)
        return typed("object", NULL);
    writer->depth++;
    struct value *schema = type_schema(writer, type);
    writer->depth--;
    return schema;
}

static struct value *int_or_string(const struct writer *writer)
{
    if (writer->version == OPENAPI_V2)
        return typed("string", "int-or-string");
    struct value *schema = typed(NULL, "int-or-string");
    struct value *choice = value_set(schema, "oneOf", value_new_list());
    value_append(choice, typed("integer", NULL));
    value_append(choice, typed("string", NULL));
    return schema;
}

/* What holds items: what each of them is. */
static struct value *item_schema(struct writer *writer, const struct schema_field *field);

static struct value *shape_schema(struct writer *writer, const struct schema_field *field,
                                  enum schema_shape shape)
{
    static const struct {
        const char *type, *format;
    } plain[] = {
        [SCHEMA_STRING] = {"string", NULL},      [SCHEMA_BOOL] = {"boolean", NULL},
        [SCHEMA_INT32] = {"integer", "int32"},   [SCHEMA_INT64] = {"integer", "int64"},
        [SCHEMA_DOUBLE] = {"number", "double"},  [SCHEMA_QUANTITY] = {"string", NULL},
        [SCHEMA_TIME] = {"string", "date-time"}, [SCHEMA_MICROTIME] = {"string", "date-time"},
        [SCHEMA_BYTES] = {"string", "byte"},     [SCHEMA_LIST] = {"array", NULL},
        [SCHEMA_MAP] = {"object", NULL},
    };
    if (shape == SCHEMA_ANY)
        return anything();
    if (shape == SCHEMA_INT_OR_STRING)
        return int_or_string(writer);
    if (shape == SCHEMA_OBJECT)
        return object_schema(writer, field->object);
    struct value *schema = typed(plain[shape].type, plain[shape].format);
    if (shape == SCHEMA_LIST)
        value_set(schema, "items", item_schema(writer, field));
    if (shape == SCHEMA_MAP)
        value_set(schema, "additionalProperties", item_schema(writer, field));
    return schema;
}

static struct value *item_schema(struct writer *writer, const struct schema_field *field)
{
    bool many = field->item == SCHEMA_LIST || field->item == SCHEMA_MAP;
    return many ? field_schema(writer, field->items) : shape_schema(writer, field, field->item);
}

/* The text of a default, as a value of the field's shape. */
static struct value *default_of(const struct schema_field *field)
{
    struct value *value = NULL;
    const struct schema_more *more = field->rule ? field->rule->more : NULL;
    if (more && more->def)
        return value_copy(more->def);
    if (!field->def)
        return NULL;
    if (field->shape != SCHEMA_STRING &&
        json_parse(field->def, strlen(field->def), &value, NULL) == 0)
        return value;
    return value_new_str(field->def);
}

static void add_keys(struct value *schema, const struct schema_field *field)
{
    char key[SCHEMA_KEY_LEN];
    struct value *keys = value_set(schema, "x-kubernetes-list-map-keys", value_new_list());
    for (const char *at = field->merge_key; schema_key_next(&at, key);)
        value_append(keys, value_new_str(key));
    value_set_str(schema, "x-kubernetes-patch-merge-key", value_str(value_at(keys, 0)));
}

/* How lists merge: what clients that patch by themselves want to know. */
static void add_merging(struct value *schema, const struct schema_field *field)
{
    const char *retain = field->flags & SCHEMA_RETAIN_KEYS ? "retainKeys" : NULL;
    bool keyed = field->shape == SCHEMA_LIST && field->merge_key;
    bool set = field->shape == SCHEMA_LIST && field->flags & SCHEMA_SET;
    if (field->shape == SCHEMA_LIST)
        value_set_str(schema, "x-kubernetes-list-type", keyed ? "map" : set ? "set" : "atomic");
    if (keyed)
        add_keys(schema, field);
    if (keyed || set)
        value_set_str(schema, "x-kubernetes-patch-strategy", retain ? "merge,retainKeys" : "merge");
    else
        value_set_str(schema, "x-kubernetes-patch-strategy",
                      field->flags & SCHEMA_ATOMIC ? "replace" : retain);
    if (field->flags & SCHEMA_WHOLE)
        value_set_str(schema, "x-kubernetes-map-type", "atomic");
}

static void add_choices(struct value *schema, const struct schema_field *field)
{
    const struct schema_rule *rule = field->rule;
    if (field->shape != SCHEMA_STRING || !rule || !rule->one_of)
        return;
    struct value *choices = value_set(schema, "enum", value_new_list());
    for (const char *const *word = rule->one_of; *word; word++)
        value_append(choices, value_new_str(*word));
}

static struct value *field_schema(struct writer *writer, const struct schema_field *field)
{
    struct value *schema = shape_schema(writer, field, field->shape);
    struct value *def = default_of(field);
    bool told = field->object && str_eq(field->doc, field->object->doc); /* explain shows both */
    if (!told)
        value_set_str(schema, "description", field->doc);
    if (def)
        value_set(schema, "default", def);
    if (writer->version == OPENAPI_V3)
        add_choices(schema, field);
    if (field->flags & SCHEMA_NULLABLE && writer->version == OPENAPI_V3)
        value_set_bool(schema, "nullable", true);
    add_merging(schema, field);
    return schema;
}

static struct value *type_schema(struct writer *writer, const struct schema_type *type)
{
    struct value *schema = value_new_map();
    struct value *properties = value_new_map(), *required = value_new_list();
    struct schema_fields it = {0};
    value_set_str(schema, "description", type->doc);
    value_set_str(schema, "type", "object");
    for (const struct schema_field *field; (field = schema_fields_next(type, &it));) {
        if (!*field->name)
            continue;
        value_set(properties, field->name, field_schema(writer, field));
        if (field->flags & SCHEMA_REQUIRED)
            value_append(required, value_new_str(field->name));
    }
    if (type->whole)
        value_set_str(schema, "x-kubernetes-map-type", "atomic");
    value_set(schema, "properties", properties);
    if (value_len(required) > 0)
        value_set(schema, "required", required);
    else
        value_free(required);
    if (type->open)
        value_set_bool(schema, "x-kubernetes-preserve-unknown-fields", true);
    return schema;
}

struct value *openapi_kind(const struct schema_kind *kind)
{
    struct value *gvk = value_new_map();
    value_set_str(gvk, "group", kind->group);
    value_set_str(gvk, "kind", kind->kind);
    value_set_str(gvk, "version", kind->version);
    return gvk;
}

/* What every object has beside the fields of its table. */
static void add_type_meta(struct value *schema)
{
    static const struct {
        const char *name, *doc;
    } fields[] = {
        {"apiVersion", "Group and version of the kind: \"v1\", \"apps/v1\"."},
        {"kind", "What the object is."},
    };
    struct value *properties = value_get(schema, "properties");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct value *field = value_set(properties, fields[i].name, typed("string", NULL));
        value_set_str(field, "description", fields[i].doc);
    }
}

struct value *openapi_schema(const struct openapi_types *types,
                             const struct openapi_definition *definition,
                             enum openapi_version version)
{
    struct writer writer = {.types = types, .version = version};
    struct value *schema = type_schema(&writer, definition->type);
    if (!definition->kind)
        return schema;
    add_type_meta(schema);
    value_append(value_set(schema, "x-kubernetes-group-version-kind", value_new_list()),
                 openapi_kind(definition->kind));
    return schema;
}
