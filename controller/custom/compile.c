#include "controller/custom/compile.h"

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/kinds/types.h"
#include "controller/custom/demand.h"

#define DOC_MAX 400 /* of a field's description, which can be pages, this much is kept */

/* A field's rule, with what its functions need. */
struct rule {
    struct schema_rule rule;
    struct schema_more more;
    const struct demand *demand;
};

static void check_rule(const struct schema_more *more, const struct value *value,
                       struct schema_walk *walk)
{
    const struct rule *rule =
        (const struct rule *)((const char *)more - offsetof(struct rule, more));
    demand_check(rule->demand, value, walk);
}

static struct rule *rule_new(struct pool *pool, const struct demand *demand)
{
    struct rule *rule = pool_alloc(pool, 1, sizeof(*rule));
    rule->demand = demand;
    rule->more.check = demand ? check_rule : NULL;
    rule->rule.more = &rule->more;
    return rule;
}

/* Its first paragraph, cut at a character. */
static const char *doc_of(struct pool *pool, const struct value *schema)
{
    const char *text = value_get_str(schema, "description");
    if (str_empty(text))
        return NULL;
    const char *end = strstr(text, "\n\n");
    size_t len = end ? (size_t)(end - text) : strlen(text);
    if (len > DOC_MAX) {
        len = DOC_MAX;
        while (len > 0 && (text[len] & 0xc0) == 0x80)
            len--;
    }
    return pool_strn(pool, text, len);
}

static bool is_set(const struct value *schema, const char *key)
{
    return value_get_bool(schema, key, false);
}

static bool is_whole(const struct value *schema)
{
    return str_eq(value_get_str(schema, "x-kubernetes-map-type"), "atomic");
}

bool compile_is_map(const struct value *schema)
{
    return str_eq(value_get_str(schema, "type"), "object") &&
           value_len(value_get(schema, "properties")) == 0 &&
           !is_set(schema, "x-kubernetes-embedded-resource") &&
           (value_type(value_get(schema, "additionalProperties")) != VALUE_NULL ||
            is_set(schema, "x-kubernetes-preserve-unknown-fields"));
}

static enum schema_shape shape_of(const struct value *schema)
{
    static const struct {
        const char *type;
        enum schema_shape shape;
    } shapes[] = {
        {"object", SCHEMA_OBJECT}, {"array", SCHEMA_LIST},    {"string", SCHEMA_STRING},
        {"integer", SCHEMA_INT64}, {"number", SCHEMA_DOUBLE}, {"boolean", SCHEMA_BOOL},
    };
    const char *type = value_get_str(schema, "type");
    if (is_set(schema, "x-kubernetes-int-or-string"))
        return SCHEMA_INT_OR_STRING;
    if (compile_is_map(schema))
        return SCHEMA_MAP;
    if (str_eq(type, "integer") && str_eq(value_get_str(schema, "format"), "int32"))
        return SCHEMA_INT32;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        if (str_eq(type, shapes[i].type))
            return shapes[i].shape;
    return SCHEMA_ANY;
}

static const struct schema_type *compile_type(struct pool *pool, const struct value *schema,
                                              const char *name);
static void compile_field(struct pool *pool, const struct value *schema, const char *name,
                          struct schema_field *ret);

/* What lists and maps hold. */
static void compile_items(struct pool *pool, const struct value *items, const char *name,
                          struct schema_field *ret)
{
    enum schema_shape shape = value_type(items) == VALUE_MAP ? shape_of(items) : SCHEMA_ANY;
    ret->item = (uint8_t)shape;
    if (shape == SCHEMA_OBJECT) {
        ret->object = compile_type(pool, items, name);
    } else if (shape == SCHEMA_LIST || shape == SCHEMA_MAP) {
        struct schema_field *field = pool_alloc(pool, 1, sizeof(*field));
        compile_field(pool, items, "", field);
        ret->items = field;
    }
}

/* x-kubernetes-list-type. */
static void compile_topology(struct pool *pool, const struct value *schema,
                             struct schema_field *ret)
{
    const char *type = value_get_str(schema, "x-kubernetes-list-type");
    const struct value *keys = value_get(schema, "x-kubernetes-list-map-keys");
    bool nested = ret->item == SCHEMA_OBJECT || ret->item == SCHEMA_LIST || ret->item == SCHEMA_MAP;
    if (str_eq(type, "set") && !nested)
        ret->flags |= SCHEMA_SET;
    if (!str_eq(type, "map") || ret->item != SCHEMA_OBJECT)
        return;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < value_len(keys); i++)
        buf_addf(&text, "%s%s", i ? "," : "", value_str(value_at(keys, i)));
    ret->merge_key = pool_strn(pool, buf_str(&text), text.len);
}

static void free_value(void *p)
{
    value_free(p);
}

static void compile_rule(struct pool *pool, const struct value *schema, const struct value *items,
                         struct schema_field *ret)
{
    const struct value *def = value_get(schema, "default");
    const struct demand *demand = demand_new(pool, schema, false);
    bool many = ret->shape == SCHEMA_LIST || ret->shape == SCHEMA_MAP;
    bool plain = !demand && value_type(def) == VALUE_NULL && !many;
    if (plain && ret->shape != SCHEMA_INT_OR_STRING)
        return;
    struct rule *rule = rule_new(pool, demand);
    rule->more.null_items = is_set(items, "nullable");
    if (value_type(def) != VALUE_NULL) {
        struct value *copy = value_copy(def);
        pool_own(pool, copy, free_value);
        rule->more.def = copy;
    }
    ret->rule = &rule->rule;
}

static void compile_field(struct pool *pool, const struct value *schema, const char *name,
                          struct schema_field *ret)
{
    const struct value *items = NULL;
    ret->name = pool_str(pool, name);
    ret->shape = (uint8_t)shape_of(schema);
    ret->doc = doc_of(pool, schema);
    if (is_set(schema, "nullable"))
        ret->flags |= SCHEMA_NULLABLE;
    if (ret->shape == SCHEMA_MAP && is_whole(schema))
        ret->flags |= SCHEMA_WHOLE;
    if (ret->shape == SCHEMA_OBJECT)
        ret->object = compile_type(pool, schema, name);
    else if (ret->shape == SCHEMA_LIST)
        items = value_get(schema, "items");
    else if (ret->shape == SCHEMA_MAP)
        items = value_get(schema, "additionalProperties");
    if (ret->shape == SCHEMA_LIST || ret->shape == SCHEMA_MAP)
        compile_items(pool, items, name, ret);
    if (ret->shape == SCHEMA_LIST)
        compile_topology(pool, schema, ret);
    compile_rule(pool, schema, items, ret);
}

/* Of a field with a default none is missing. */
static void mark_required(const struct value *schema, struct schema_field *fields)
{
    const struct value *required = value_get(schema, "required");
    for (struct schema_field *field = fields; field->name; field++)
        for (size_t i = 0; i < value_len(required); i++)
            if (str_eq(value_str(value_at(required, i)), field->name) &&
                !(field->rule && field->rule->more && field->rule->more->def))
                field->flags |= SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY;
}

/* The gateway knows it; of its name a schema may ask more. */
static void compile_metadata(struct pool *pool, const struct value *schema,
                             struct schema_field *ret)
{
    const struct value *meta = value_get(value_get(schema, "properties"), "metadata");
    const struct demand *demand = meta ? demand_new(pool, meta, true) : NULL;
    *ret = (struct schema_field){
        .name = "metadata", .shape = SCHEMA_OBJECT, .object = &type_object_meta};
    if (demand)
        ret->rule = &rule_new(pool, demand)->rule;
}

static bool is_type_meta(const char *name)
{
    return str_eq(name, "apiVersion") || str_eq(name, "kind");
}

/* The fields that a schema names, beyond `fields`, which has room for them. */
static void compile_fields(struct pool *pool, const struct value *schema, bool object,
                           struct schema_field *fields)
{
    const struct value *named = value_get(schema, "properties");
    for (size_t i = 0; i < value_len(named); i++) {
        const char *name = value_key_at(named, i);
        if (!*name || (object && (is_type_meta(name) || str_eq(name, "metadata"))))
            continue;
        compile_field(pool, value_at(named, i), name, fields++);
    }
}

static struct schema_type *type_new(struct pool *pool, const struct value *schema, const char *name,
                                    struct schema_field **ret_fields, size_t more)
{
    size_t count = value_len(value_get(schema, "properties")) + more + 1;
    struct schema_type *type = pool_alloc(pool, 1, sizeof(*type));
    struct schema_field *fields = pool_alloc(pool, count, sizeof(*fields));
    type->name = pool_str(pool, name);
    type->fields = fields;
    type->open = is_set(schema, "x-kubernetes-preserve-unknown-fields");
    type->whole = is_whole(schema);
    type->doc = doc_of(pool, schema);
    *ret_fields = fields;
    return type;
}

static const struct schema_type *compile_type(struct pool *pool, const struct value *schema,
                                              const char *name)
{
    static const struct schema_field text = {
        .name = "", .shape = SCHEMA_STRING, .flags = SCHEMA_REQUIRED};
    struct schema_field *fields;
    bool embedded = is_set(schema, "x-kubernetes-embedded-resource");
    struct schema_type *type =
        type_new(pool, schema, *name ? name : "object", &fields, embedded ? 3 : 0);
    if (embedded) {
        fields[0] = fields[1] = text;
        fields[0].name = "apiVersion";
        fields[1].name = "kind";
        compile_metadata(pool, schema, &fields[2]);
    }
    compile_fields(pool, schema, embedded, embedded ? fields + 3 : fields);
    mark_required(schema, fields);
    return type;
}

const struct schema_type *compile_root(struct pool *pool, const struct value *schema,
                                       const char *kind)
{
    struct schema_field *fields;
    struct schema_type *type = type_new(pool, schema, kind, &fields, 1);
    compile_metadata(pool, schema, &fields[0]);
    compile_fields(pool, schema, true, fields + 1);
    mark_required(schema, fields);
    return type;
}

const struct schema_more *compile_whole(struct pool *pool, const struct value *schema)
{
    const struct demand *demand = demand_new(pool, schema, false);
    return demand ? &rule_new(pool, demand)->more : NULL;
}
