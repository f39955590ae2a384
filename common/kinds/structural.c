#include "common/kinds/structural.h"

#include "common/base/str.h"
#include "common/schema/pattern.h"
#include "common/schema/walk.h"

#include <errno.h>

enum level { ROOT, FIELD, ITEM };

#define PRESERVE "x-kubernetes-preserve-unknown-fields"
#define EMBEDDED "x-kubernetes-embedded-resource"
#define INT_OR_STRING "x-kubernetes-int-or-string"
#define LIST_TYPE "x-kubernetes-list-type"
#define MAP_TYPE "x-kubernetes-map-type"
#define MAP_KEYS "x-kubernetes-list-map-keys"

static bool is_set(const struct value *schema, const char *key)
{
    return value_get_bool(schema, key, false);
}

static const char *type_of(const struct value *schema)
{
    const char *type = value_get_str(schema, "type");
    return type ? type : "";
}

/* Present, and neither null, false, "" nor empty. */
static bool is_given(const struct value *value)
{
    switch (value_type(value)) {
    case VALUE_NULL:
        return false;
    case VALUE_BOOL:
        return value_bool(value, false);
    case VALUE_STRING:
        return *value_str(value);
    case VALUE_LIST:
    case VALUE_MAP:
        return value_len(value) > 0;
    default:
        return true;
    }
}

static void refuse(struct schema_walk *walk, const struct value *schema, const char *key,
                   const char *cause, const char *why)
{
    const struct value *at = value_get(schema, key);
    schema_mistake(walk, at ? at : schema, key, cause, "%s", why);
}

/* ---- what stands nowhere ---- */

static void check_supported(const struct value *schema, struct schema_walk *walk)
{
    static const struct {
        const char *key, *why;
    } unsupported[] = {
        {"id", "id is not supported"},
        {"$ref", "$ref is not supported"},
        {"definitions", "definitions is not supported"},
        {"dependencies", "dependencies is not supported"},
        {"patternProperties", "patternProperties is not supported"},
        {"additionalItems", "additionalItems is not supported"},
        {"uniqueItems",
         "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"},
    };
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++)
        if (is_given(value_get(schema, unsupported[i].key)))
            refuse(walk, schema, unsupported[i].key, CAUSE_FORBIDDEN, unsupported[i].why);
}

static void check_pattern(const struct value *schema, struct schema_walk *walk)
{
    const char *text = value_get_str(schema, "pattern");
    cleanup(pattern_free) struct pattern *pattern = NULL;
    struct err err = {0};
    int r = text ? pattern_new(text, &pattern, &err) : 0;
    if (r != 0 && r != -ENOTSUP)
        schema_mistake(walk, value_get(schema, "pattern"), "pattern", CAUSE_INVALID,
                       "must be a valid regular expression, but isn't: %s", err.msg);
}

static void check_numbers(const struct value *schema, struct schema_walk *walk)
{
    const struct value *step = value_get(schema, "multipleOf");
    if (value_type(step) != VALUE_NULL && !(value_float(step, 1) > 0))
        refuse(walk, schema, "multipleOf", CAUSE_INVALID, "must be greater than 0");
}

/* ---- what holds where a value is described, not only limited ---- */

static void check_type(const struct value *schema, enum level level, struct schema_walk *walk)
{
    static const char *const missing[] = {
        [ROOT] = "must not be empty at the root",
        [FIELD] = "must not be empty for specified object fields",
        [ITEM] = "must not be empty for specified array items",
    };
    const char *type = type_of(schema);
    bool free_type = is_set(schema, INT_OR_STRING) || is_set(schema, PRESERVE);
    if (!*type && (level == ROOT || !free_type))
        refuse(walk, schema, "type", CAUSE_REQUIRED, missing[level]);
    else if (level == ROOT && !str_eq(type, "object"))
        refuse(walk, schema, "type", CAUSE_INVALID, "must be object at the root");
    if (is_set(schema, EMBEDDED) && !str_eq(type, "object"))
        refuse(walk, schema, "type", *type ? CAUSE_INVALID : CAUSE_REQUIRED,
               "must be object if x-kubernetes-embedded-resource is true");
    if (is_set(schema, EMBEDDED) && !is_given(value_get(schema, "properties")) &&
        !is_set(schema, PRESERVE))
        refuse(walk, schema, "properties", CAUSE_REQUIRED,
               "must not be empty if x-kubernetes-embedded-resource is true without "
               "x-kubernetes-preserve-unknown-fields");
    if (str_eq(type, "array") && value_type(value_get(schema, "items")) == VALUE_NULL)
        refuse(walk, schema, "items", CAUSE_REQUIRED, "must be specified");
    const struct value *preserve = value_get(schema, PRESERVE);
    if (value_type(preserve) == VALUE_BOOL && !value_bool(preserve, true))
        refuse(walk, schema, PRESERVE, CAUSE_INVALID, "must be true or undefined");
}

static void check_additional(const struct value *schema, enum level level, struct schema_walk *walk)
{
    const struct value *more = value_get(schema, "additionalProperties");
    if (value_type(more) == VALUE_NULL)
        return;
    if (value_type(more) == VALUE_BOOL && !value_bool(more, true))
        refuse(walk, schema, "additionalProperties", CAUSE_FORBIDDEN,
               "additionalProperties cannot be set to false");
    else if (is_given(value_get(schema, "properties")))
        refuse(walk, schema, "additionalProperties", CAUSE_FORBIDDEN,
               "additionalProperties and properties are mutual exclusive");
    else if (level == ROOT)
        refuse(walk, schema, "additionalProperties", CAUSE_FORBIDDEN,
               "must not be used at the root");
}

static bool is_required(const struct value *schema, const char *field)
{
    const struct value *required = value_get(schema, "required");
    for (size_t i = 0; i < value_len(required); i++)
        if (str_eq(value_str(value_at(required, i)), field))
            return true;
    return false;
}

static void check_map_key(const struct value *items, const struct value *key,
                          struct schema_walk *walk)
{
    const char *name = value_str(key);
    if (!name)
        return;
    const struct value *field = value_get(value_get(items, "properties"), name);
    const char *type = type_of(field);
    if (!field || strchr(name, ',') || strlen(name) >= SCHEMA_KEY_LEN)
        schema_mistake(walk, key, MAP_KEYS, CAUSE_INVALID,
                       "\"%.64s\": entries must all be names of item properties", name);
    else if (str_eq(type, "array") || str_eq(type, "object") ||
             (!*type && !is_set(field, INT_OR_STRING)))
        schema_mistake(walk, key, MAP_KEYS, CAUSE_INVALID,
                       "\"%.64s\": must be a scalar type if it is in x-kubernetes-list-map-keys",
                       name);
    else if (!is_required(items, name) && value_type(value_get(field, "default")) == VALUE_NULL)
        schema_mistake(walk, key, MAP_KEYS, CAUSE_REQUIRED,
                       "\"%.64s\": this property is in x-kubernetes-list-map-keys, so it must have "
                       "a default or be a required property",
                       name);
}

static void check_map_list(const struct value *schema, struct schema_walk *walk)
{
    const struct value *items = value_get(schema, "items"), *keys = value_get(schema, MAP_KEYS);
    if (value_type(items) == VALUE_NULL)
        refuse(walk, schema, "items", CAUSE_REQUIRED,
               "must have a schema if x-kubernetes-list-type is map");
    else if (!str_eq(type_of(items), "object"))
        refuse(walk, items, "items.type", CAUSE_INVALID,
               "must be object if parent array's x-kubernetes-list-type is map");
    if (value_len(keys) == 0)
        refuse(walk, schema, MAP_KEYS, CAUSE_REQUIRED,
               "must not be empty if x-kubernetes-list-type is map");
    if (value_len(keys) > 16)
        refuse(walk, schema, MAP_KEYS, CAUSE_INVALID, "must have at most 16 entries");
    for (size_t i = 0; i < value_len(keys) && i < 16; i++)
        check_map_key(items, value_at(keys, i), walk);
}

static void check_topology(const struct value *schema, struct schema_walk *walk)
{
    const char *type = type_of(schema), *list = value_get_str(schema, LIST_TYPE);
    const struct value *items = value_get(schema, "items");
    if (list && !str_eq(type, "array"))
        refuse(walk, schema, "type", CAUSE_INVALID,
               "must be array if x-kubernetes-list-type is specified");
    if (is_given(value_get(schema, MAP_KEYS)) && !str_eq(list, "map"))
        refuse(walk, schema, LIST_TYPE, CAUSE_REQUIRED,
               "must be map if x-kubernetes-list-map-keys is non-empty");
    if (str_eq(list, "map"))
        check_map_list(schema, walk);
    if (str_eq(list, "set") && is_set(items, "nullable"))
        refuse(walk, items, "items.nullable", CAUSE_FORBIDDEN,
               "cannot be nullable when x-kubernetes-list-type is set");
    if (str_eq(list, "set") && str_eq(type_of(items), "object") &&
        !str_eq(value_get_str(items, MAP_TYPE), "atomic"))
        refuse(walk, items, "items." MAP_TYPE, CAUSE_INVALID,
               "must be atomic as item of a list with x-kubernetes-list-type=set");
    if (value_get_str(schema, MAP_TYPE) && !str_eq(type, "object"))
        refuse(walk, schema, "type", CAUSE_INVALID,
               "must be object if x-kubernetes-map-type is specified");
}

/* What the gateway knows of metadata, a schema may only limit. */
static void check_metadata(const struct value *schema, struct schema_walk *walk)
{
    const struct value *meta = value_get(value_get(schema, "properties"), "metadata");
    const struct value *fields = value_get(meta, "properties");
    if (meta && !str_eq(type_of(meta), "object"))
        refuse(walk, meta, "properties.metadata.type", CAUSE_INVALID, "must be object");
    for (size_t i = 0; i < value_len(fields); i++) {
        const char *key = value_key_at(fields, i);
        if (!str_eq(key, "name") && !str_eq(key, "generateName"))
            refuse(walk, meta, "properties.metadata", CAUSE_FORBIDDEN,
                   "must not specify anything other than name and generateName, but metadata is "
                   "implicitly specified");
    }
}

/* ---- below allOf, anyOf, oneOf, not ---- */

static void check_limit(const struct value *limit, const struct value *schema, bool types,
                        struct schema_walk *walk);

static void check_forbidden(const struct value *limit, bool types, struct schema_walk *walk)
{
    static const struct {
        const char *key, *why;
    } forbidden[] = {
        {"additionalProperties", "must be undefined to be structural"},
        {"nullable", "must be false to be structural"},
        {"title", "must be empty to be structural"},
        {"description", "must be empty to be structural"},
        {"default", "must be undefined to be structural"},
        {PRESERVE, "must be false to be structural"},
        {EMBEDDED, "must be false to be structural"},
        {INT_OR_STRING, "must be false to be structural"},
        {LIST_TYPE, "must be undefined to be structural"},
        {MAP_KEYS, "must be empty to be structural"},
        {MAP_TYPE, "must be undefined to be structural"},
    };
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
        if (is_given(value_get(limit, forbidden[i].key)))
            refuse(walk, limit, forbidden[i].key, CAUSE_FORBIDDEN, forbidden[i].why);
    if (!types && *type_of(limit))
        refuse(walk, limit, "type", CAUSE_FORBIDDEN, "must be empty to be structural");
}

static void check_limit_fields(const struct value *limit, const struct value *schema,
                               struct schema_walk *walk)
{
    const struct value *fields = value_get(limit, "properties");
    const struct value *known = value_get(schema, "properties");
    const struct value *map = value_get(schema, "additionalProperties");
    size_t mark = walk_enter(walk, "properties");
    for (size_t i = 0; value_type(fields) == VALUE_MAP && i < value_len(fields); i++) {
        const char *key = value_key_at(fields, i);
        const struct value *field = value_get(known, key);
        size_t below = walk_enter_key(walk, key);
        if (!field && value_type(map) == VALUE_MAP)
            field = map;
        if (!field && !is_set(schema, PRESERVE))
            walk_mistake(walk, value_key_line_at(fields, i), CAUSE_REQUIRED,
                         "must be specified outside of allOf, anyOf, oneOf and not too");
        else
            check_limit(value_at(fields, i), field, false, walk);
        walk_leave(walk, below);
    }
    walk_leave(walk, mark);
}

static void check_junctors(const struct value *limit, const struct value *schema, bool types,
                           struct schema_walk *walk)
{
    static const char *const junctors[] = {"allOf", "anyOf", "oneOf"};
    for (size_t j = 0; j < ARRAY_LEN(junctors); j++) {
        const struct value *list = value_get(limit, junctors[j]);
        size_t mark = walk_enter(walk, junctors[j]);
        for (size_t i = 0; value_type(list) == VALUE_LIST && i < value_len(list); i++) {
            size_t below = walk_enter_item(walk, i);
            /* anyOf: [{type: integer}, {type: string}] beside x-kubernetes-int-or-string, perhaps
             * within allOf. */
            check_limit(value_at(list, i), schema, types && j < 2, walk);
            walk_leave(walk, below);
        }
        walk_leave(walk, mark);
    }
    const struct value *not = value_get(limit, "not");
    if (value_type(not ) == VALUE_MAP) {
        size_t mark = walk_enter(walk, "not");
        check_limit(not, schema, false, walk);
        walk_leave(walk, mark);
    }
}

static void check_limit(const struct value *limit, const struct value *schema, bool types,
                        struct schema_walk *walk)
{
    if (value_type(limit) != VALUE_MAP)
        return;
    check_supported(limit, walk);
    check_pattern(limit, walk);
    check_numbers(limit, walk);
    check_forbidden(limit, types, walk);
    check_limit_fields(limit, schema, walk);
    const struct value *items = value_get(limit, "items");
    if (value_type(items) == VALUE_MAP) {
        size_t mark = walk_enter(walk, "items");
        check_limit(items, value_get(schema, "items"), false, walk);
        walk_leave(walk, mark);
    }
    check_junctors(limit, schema, types, walk);
}

/* ---- the tree ---- */

static void check_schema(const struct value *schema, enum level level, struct schema_walk *walk);

static void check_below(const struct value *schema, struct schema_walk *walk)
{
    static const struct {
        const char *key;
        enum level level;
    } single[] = {{"items", ITEM}, {"additionalProperties", FIELD}};
    const struct value *fields = value_get(schema, "properties");
    size_t mark = walk_enter(walk, "properties");
    for (size_t i = 0; value_type(fields) == VALUE_MAP && i < value_len(fields); i++) {
        size_t below = walk_enter_key(walk, value_key_at(fields, i));
        check_schema(value_at(fields, i), FIELD, walk);
        walk_leave(walk, below);
    }
    walk_leave(walk, mark);
    for (size_t i = 0; i < ARRAY_LEN(single); i++) {
        mark = walk_enter(walk, single[i].key);
        check_schema(value_get(schema, single[i].key), single[i].level, walk);
        walk_leave(walk, mark);
    }
}

static void check_schema(const struct value *schema, enum level level, struct schema_walk *walk)
{
    if (value_type(schema) != VALUE_MAP)
        return;
    check_supported(schema, walk);
    check_pattern(schema, walk);
    check_numbers(schema, walk);
    check_type(schema, level, walk);
    check_additional(schema, level, walk);
    check_topology(schema, walk);
    if (level == ROOT || is_set(schema, EMBEDDED))
        check_metadata(schema, walk);
    check_junctors(schema, schema, is_set(schema, INT_OR_STRING), walk);
    check_below(schema, walk);
}

void structural_check(const struct value *schema, const char *name, struct schema_walk *walk)
{
    size_t mark = walk_enter(walk, name);
    check_schema(schema, ROOT, walk);
    walk_leave(walk, mark);
}
