#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/limits.h"
#include "common/schema/near.h"
#include "common/schema/quantity.h"
#include "common/schema/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char *const shape_names[] = {
    [SCHEMA_STRING] = "a string",
    [SCHEMA_BOOL] = "true or false",
    [SCHEMA_INT32] = "an integer",
    [SCHEMA_INT64] = "an integer",
    [SCHEMA_DOUBLE] = "a number",
    [SCHEMA_QUANTITY] = "a quantity such as 250m or 64Mi",
    [SCHEMA_INT_OR_STRING] = "an integer or a string",
    [SCHEMA_TIME] = "a time such as 2026-01-31T12:00:00Z",
    [SCHEMA_MICROTIME] = "a time such as 2026-01-31T12:00:00.000000Z",
    [SCHEMA_BYTES] = "base64",
    [SCHEMA_ANY] = "anything",
    [SCHEMA_OBJECT] = "a map",
    [SCHEMA_LIST] = "a list",
    [SCHEMA_MAP] = "a map",
};

/* A value as a person wrote it, short. Secrets are not shown. */
static const char *shown(const struct schema_field *field, const struct value *value, char ret[48])
{
    if ((field->flags & SCHEMA_SECRET) && !WEAKENED(SCHEMA_SECRET_SHOWN))
        return "(hidden)";
    switch (value_type(value)) {
    case VALUE_STRING:
        snprintf(ret, 48, "\"%.32s\"%s", value_str(value),
                 strlen(value_str(value)) > 32 ? "..." : "");
        break;
    case VALUE_INT:
        snprintf(ret, 48, "%" PRId64, value_int(value, 0));
        break;
    case VALUE_FLOAT:
        snprintf(ret, 48, "%g", value_float(value, 0));
        break;
    case VALUE_BOOL:
        snprintf(ret, 48, "%s", value_bool(value, false) ? "true" : "false");
        break;
    default:
        snprintf(ret, 48, "a %s", value_type_name(value_type(value)));
    }
    return ret;
}

static void wrong_shape(struct schema_walk *walk, const struct schema_field *field,
                        enum schema_shape shape, const struct value *value)
{
    char text[48];
    bool quote = (shape == SCHEMA_STRING || shape == SCHEMA_TIME || shape == SCHEMA_BYTES) &&
                 value_type(value) > VALUE_NULL && value_type(value) < VALUE_STRING;
    walk_mistake(walk, value_line(value), CAUSE_TYPE, "%s: must be %s%s", shown(field, value, text),
                 shape_names[shape], quote ? " (put it in quotes)" : "");
}

static void check_integer(struct schema_walk *walk, const struct schema_field *field,
                          const struct value *value)
{
    const struct schema_rule *rule = field->rule;
    int64_t i = value_int(value, 0), min = INT64_MIN, max = INT64_MAX;
    if (field->shape == SCHEMA_INT32 || field->item == SCHEMA_INT32 ||
        (field->shape == SCHEMA_INT_OR_STRING && !(rule && rule->more))) {
        min = INT32_MIN;
        max = INT32_MAX;
    }
    if (rule && rule->ranged) {
        min = rule->min > min ? rule->min : min;
        max = rule->max < max ? rule->max : max;
    }
    if (i == 0 && field->flags & SCHEMA_OMIT_ZERO)
        return;
    if ((i >= min && i <= max) || WEAKENED(SCHEMA_RANGE))
        return;
    if (i < min && max >= INT32_MAX && min > INT32_MIN)
        walk_mistake(walk, value_line(value), CAUSE_INVALID,
                     "%" PRId64 ": must be at least %" PRId64, i, min);
    else
        walk_mistake(walk, value_line(value), CAUSE_INVALID,
                     "%" PRId64 ": must be %" PRId64 "-%" PRId64, i, min, max);
}

static void check_one_of(struct schema_walk *walk, const struct schema_field *field,
                         const struct value *value)
{
    char names[256] = "", text[48];
    struct near near = {.wanted = value_str(value)};
    size_t len = 0;
    for (const char *const *name = field->rule->one_of; *name; name++) {
        if (strcmp(*name, value_str(value)) == 0)
            return;
        near_try(&near, *name);
        if (len < sizeof(names))
            len +=
                (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "", *name);
    }
    if (near.best && strlen(names) > 40)
        walk_mistake(walk, value_line(value), CAUSE_NOT_SUPPORTED, "%s: did you mean %s?",
                     shown(field, value, text), near.best);
    else
        walk_mistake(walk, value_line(value), CAUSE_NOT_SUPPORTED, "%s: must be one of %s",
                     shown(field, value, text), names);
}

static void check_string(struct schema_walk *walk, const struct schema_field *field,
                         const struct value *value)
{
    const struct schema_rule *rule = field->rule;
    const char *s = value_str(value), *wrong;
    char text[48];
    if (!rule || (!*s && field->shape == SCHEMA_STRING))
        return; /* to Kubernetes a field of "" is absent; an item is not */
    if (rule->one_of)
        check_one_of(walk, field, value);
    if (rule->format && (wrong = rule->format(s)) && !WEAKENED(SCHEMA_FORMAT))
        walk_mistake(walk, value_line(value), CAUSE_INVALID, "%s: %s", shown(field, value, text),
                     wrong);
}

static void check_text(struct schema_walk *walk, const struct schema_field *field,
                       enum schema_shape shape, const struct value *value)
{
    const char *s = value_str(value);
    int64_t ns;
    size_t len;
    autofree uint8_t *bytes = NULL;
    bool ok = true;
    if (shape == SCHEMA_TIME || shape == SCHEMA_MICROTIME)
        ok = clock_parse(s, &ns) == 0;
    else if (shape == SCHEMA_BYTES)
        ok = base64_decode(s, strlen(s), &bytes, &len) == 0;
    if (!ok)
        wrong_shape(walk, field, shape, value);
}

static void check_quantity(struct schema_walk *walk, const struct schema_field *field,
                           const struct value *value)
{
    struct quantity quantity;
    char text[48];
    int r = quantity_of(value, &quantity);
    if (r == -ERANGE)
        walk_mistake(walk, value_line(value), CAUSE_INVALID, "%s: too large a quantity",
                     shown(field, value, text));
    else if (r < 0)
        wrong_shape(walk, field, SCHEMA_QUANTITY, value);
    else if (field->rule && field->rule->ranged && quantity.units < field->rule->min)
        walk_mistake(walk, value_line(value), CAUSE_INVALID, "%s: must be at least %" PRId64,
                     shown(field, value, text), field->rule->min);
}

static void check_object(struct schema_walk *walk, const struct schema_type *type,
                         const struct value *object);

static void check_field(struct schema_walk *walk, const struct schema_field *field,
                        const struct value *value);

/* One value of a shape that is no list and no map. */
static void check_single(struct schema_walk *walk, const struct schema_field *field,
                         enum schema_shape shape, const struct value *value)
{
    static const unsigned fits[] = {
        [SCHEMA_STRING] = 1 << VALUE_STRING,
        [SCHEMA_BOOL] = 1 << VALUE_BOOL,
        [SCHEMA_INT32] = 1 << VALUE_INT,
        [SCHEMA_INT64] = 1 << VALUE_INT,
        [SCHEMA_DOUBLE] = 1 << VALUE_INT | 1 << VALUE_FLOAT,
        [SCHEMA_QUANTITY] = 1 << VALUE_INT | 1 << VALUE_FLOAT | 1 << VALUE_STRING,
        [SCHEMA_INT_OR_STRING] = 1 << VALUE_INT | 1 << VALUE_STRING,
        [SCHEMA_TIME] = 1 << VALUE_STRING,
        [SCHEMA_MICROTIME] = 1 << VALUE_STRING,
        [SCHEMA_BYTES] = 1 << VALUE_STRING,
        [SCHEMA_OBJECT] = 1 << VALUE_MAP,
    };
    if (shape == SCHEMA_ANY)
        return;
    if (shape == SCHEMA_OBJECT && field->object->or_bool && value_type(value) == VALUE_BOOL)
        return;
    if (!(fits[shape] & 1u << value_type(value))) {
        if (!WEAKENED(SCHEMA_SHAPE))
            wrong_shape(walk, field, shape, value);
    } else if (shape == SCHEMA_OBJECT) {
        check_object(walk, field->object, value);
    } else if (shape == SCHEMA_QUANTITY) {
        check_quantity(walk, field, value);
    } else if (value_type(value) == VALUE_INT) {
        check_integer(walk, field, value);
    } else if (shape == SCHEMA_STRING || shape == SCHEMA_INT_OR_STRING) {
        check_string(walk, field, value);
    } else if (value_type(value) == VALUE_STRING) {
        check_text(walk, field, shape, value);
    }
}

/* What tells items of a list apart: the merge key of maps, the value of scalars. NULL: nothing. */
static const struct value *item_key(const struct schema_field *field, const struct value *item)
{
    return field->item == SCHEMA_OBJECT ? value_get(item, field->merge_key) : item;
}

/* Lists within the caps can have 200,000 items: sorted, not compared each with each. */
struct keyed {
    const struct value *key;
    size_t i;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    const char *s = value_str(x->key), *t = value_str(y->key);
    int order = s && t ? strcmp(s, t)
                       : (value_int(x->key, 0) > value_int(y->key, 0)) -
                             (value_int(x->key, 0) < value_int(y->key, 0));
    return order ? order : (x->i > y->i) - (x->i < y->i);
}

static void check_unique(struct schema_walk *walk, const struct schema_field *field,
                         const struct value *list)
{
    size_t len = value_len(list), count = 0;
    autofree struct keyed *keys = calloc(len + 1, sizeof(*keys));
    if (!keys)
        abort();
    for (size_t i = 0; i < len; i++) {
        const struct value *key = item_key(field, value_at(list, i));
        if (value_type(key) == VALUE_STRING || value_type(key) == VALUE_INT)
            keys[count++] = (struct keyed){key, i};
    }
    qsort(keys, count, sizeof(*keys), by_key);
    for (size_t n = 1; n < count; n++) {
        if (!value_equal(keys[n - 1].key, keys[n].key) || WEAKENED(SCHEMA_UNIQUE))
            continue;
        size_t mark = walk_enter_item(walk, keys[n].i);
        if (field->item == SCHEMA_OBJECT)
            walk_enter(walk, field->merge_key);
        char text[48];
        walk_mistake(walk, value_line(keys[n].key), CAUSE_DUPLICATE,
                     "%s: comes twice (first at [%zu])", shown(field, keys[n].key, text),
                     keys[n - 1].i);
        walk_leave(walk, mark);
    }
}

static bool may_be_null(const struct schema_field *field)
{
    return field->rule && field->rule->more && field->rule->more->null_items;
}

static void check_item(struct schema_walk *walk, const struct schema_field *field,
                       const struct value *item)
{
    if (value_type(item) == VALUE_NULL && may_be_null(field))
        return;
    if (field->item == SCHEMA_LIST || field->item == SCHEMA_MAP)
        check_field(walk, field->items, item);
    else
        check_single(walk, field, field->item, item);
}

static void check_list(struct schema_walk *walk, const struct schema_field *field,
                       const struct value *list)
{
    if (value_type(list) != VALUE_LIST) {
        wrong_shape(walk, field, SCHEMA_LIST, list);
        return;
    }
    for (size_t i = 0; i < value_len(list); i++) {
        size_t mark = walk_enter_item(walk, i);
        check_item(walk, field, value_at(list, i));
        walk_leave(walk, mark);
    }
    if (field->flags & SCHEMA_UNIQUE)
        check_unique(walk, field, list);
}

static void check_map(struct schema_walk *walk, const struct schema_field *field,
                      const struct value *map)
{
    if (value_type(map) != VALUE_MAP) {
        wrong_shape(walk, field, SCHEMA_MAP, map);
        return;
    }
    for (size_t i = 0; i < value_len(map); i++) {
        const char *key = value_key_at(map, i);
        const char *wrong = field->keys ? field->keys(key) : NULL;
        size_t mark = walk_enter_key(walk, key);
        if (wrong && !WEAKENED(SCHEMA_KEYS))
            walk_mistake(walk, value_key_line_at(map, i), CAUSE_INVALID, "the key %s", wrong);
        if (value_type(value_at(map, i)) !=
            VALUE_NULL) /* Kubernetes reads null as the zero value */
            check_item(walk, field, value_at(map, i));
        walk_leave(walk, mark);
    }
}

static void check_field(struct schema_walk *walk, const struct schema_field *field,
                        const struct value *value)
{
    if (field->shape == SCHEMA_LIST)
        check_list(walk, field, value);
    else if (field->shape == SCHEMA_MAP)
        check_map(walk, field, value);
    else
        check_single(walk, field, field->shape, value);
    if (field->rule && field->rule->more && field->rule->more->check)
        field->rule->more->check(field->rule->more, value, walk);
}

static bool is_missing(const struct schema_field *field, const struct value *value)
{
    if (!(field->flags & SCHEMA_REQUIRED))
        return false;
    if (value_type(value) == VALUE_NULL)
        return !value || !(field->flags & SCHEMA_NULLABLE);
    if (field->flags & SCHEMA_MAY_BE_EMPTY)
        return false;
    if (value_type(value) == VALUE_STRING)
        return !*value_str(value);
    return field->shape == SCHEMA_LIST && value_type(value) == VALUE_LIST && value_len(value) == 0;
}

static void check_known(struct schema_walk *walk, const struct schema_type *type,
                        const struct value *object, size_t i)
{
    const char *key = value_key_at(object, i);
    if (type->open || schema_field_find(type, key))
        return;
    struct near near = {.wanted = key};
    struct schema_fields it = {0};
    for (const struct schema_field *field; (field = schema_fields_next(type, &it));)
        near_try(&near, field->name);
    size_t mark = walk_enter_key(walk, key);
    if (near.best)
        walk_mistake(walk, value_key_line_at(object, i), CAUSE_UNKNOWN,
                     "unknown field; did you mean %s?", near.best);
    else
        walk_mistake(walk, value_key_line_at(object, i), CAUSE_UNKNOWN, "unknown field of %s",
                     type->name);
    walk_leave(walk, mark);
}

/* The fields of the type itself; apiVersion and kind stand beside them only at the root. */
static bool is_type_meta(const struct schema_walk *walk, const char *key)
{
    return walk->path.len == 0 && (strcmp(key, "apiVersion") == 0 || strcmp(key, "kind") == 0);
}

static void check_union(struct schema_walk *walk, const struct schema_type *type,
                        const struct value *object)
{
    const char *first = NULL;
    for (const struct schema_field *field = type->fields; field->name; field++) {
        if (value_type(value_get(object, field->name)) == VALUE_NULL)
            continue;
        if (!first) {
            first = field->name;
            continue;
        }
        size_t mark = walk_enter(walk, field->name);
        walk_mistake(walk, value_line(value_get(object, field->name)), CAUSE_FORBIDDEN,
                     "not beside %s: there may be one %s", first, type->union_of);
        walk_leave(walk, mark);
    }
    if (!first && type->union_required)
        walk_mistake(walk, value_line(object), CAUSE_REQUIRED, "must name a %s", type->union_of);
}

/* A type's own rules, and those of what is inline in it. */
static void check_rules(struct schema_walk *walk, const struct schema_type *type,
                        const struct value *object)
{
    for (const struct schema_field *field = type->fields; field->name; field++)
        if (field->flags & SCHEMA_INLINE)
            check_rules(walk, field->object, object);
    if (type->union_of)
        check_union(walk, type, object);
    if (type->check) {
        walk->object = object;
        type->check(object, walk);
    }
}

static bool is_skipped(const struct schema_walk *walk, const char *key)
{
    return walk->path.len == 0 && !(walk->flags & SCHEMA_CHECK_STATUS) &&
           strcmp(key, "status") == 0;
}

static void check_object(struct schema_walk *walk, const struct schema_type *type,
                         const struct value *object)
{
    for (size_t i = 0; i < value_len(object); i++)
        if (!is_type_meta(walk, value_key_at(object, i)) && !WEAKENED(SCHEMA_UNKNOWN))
            check_known(walk, type, object, i);
    struct schema_fields it = {0};
    for (const struct schema_field *field; (field = schema_fields_next(type, &it));) {
        const struct value *value = value_get(object, field->name);
        if (is_skipped(walk, field->name))
            continue;
        size_t mark = walk_enter(walk, field->name);
        if (is_missing(field, value)) {
            if (!WEAKENED(SCHEMA_REQUIRED))
                walk_mistake(walk, value_line(value ? value : object), CAUSE_REQUIRED, "required");
        } else if (value_type(value) != VALUE_NULL) {
            check_field(walk, field, value);
        }
        walk_leave(walk, mark);
    }
    check_rules(walk, type, object);
}

static void check_names(struct schema_walk *walk, const struct schema_kind *kind,
                        const struct value *object)
{
    const struct value *meta = value_get(object, "metadata");
    const struct value *name = value_get(meta, "name");
    const char *s = value_str(name), *wrong;
    walk->object = meta ? meta : object;
    /* What is never stored needs no name. */
    bool needed = !kind->computed && str_empty(value_get_str(meta, "generateName"));
    if (str_empty(s) && needed)
        schema_mistake(walk, name, "metadata.name", CAUSE_REQUIRED, "required (or generateName)");
    else if (!str_empty(s) && kind->name && (wrong = kind->name(s)))
        schema_mistake(walk, name, "metadata.name", CAUSE_INVALID, "\"%.64s\": %s", s, wrong);
    if (!kind->namespaced && !str_empty(value_get_str(meta, "namespace")))
        schema_mistake(walk, value_get(meta, "namespace"), "metadata.namespace", CAUSE_FORBIDDEN,
                       "a %s is in no namespace", kind->kind);
}

static void check_type_meta(struct schema_walk *walk, const struct schema_kind *kind,
                            const struct value *object)
{
    char api_version[128];
    const char *want[2] = {schema_api_version(kind, api_version), kind->kind};
    static const char *const keys[2] = {"apiVersion", "kind"};
    for (size_t i = 0; i < 2; i++)
        if (!str_eq(value_get_str(object, keys[i]), want[i]))
            schema_mistake(walk, value_get(object, keys[i]), keys[i], CAUSE_INVALID, "must be %s",
                           want[i]);
}

int schema_check(const struct schema_kind *kind, const struct value *object, unsigned flags,
                 struct diags *diags)
{
    cleanup(walk_done) struct schema_walk walk;
    if (!schema_status_apart(kind))
        flags |= SCHEMA_CHECK_STATUS;
    walk_init(&walk, flags, diags);
    walk.object = object;
    if (value_type(object) != VALUE_MAP) {
        walk_mistake(&walk, value_line(object), CAUSE_TYPE, "an object must be a map, not a %s",
                     value_type_name(value_type(object)));
        return -EINVAL;
    }
    check_type_meta(&walk, kind, object);
    check_object(&walk, kind->type, object);
    if (kind->more && kind->more->check)
        kind->more->check(kind->more, object, &walk);
    if (value_type(value_get(object, "metadata")) <= VALUE_NULL ||
        value_type(value_get(object, "metadata")) == VALUE_MAP)
        check_names(&walk, kind, object);
    return walk.mistakes ? -EINVAL : 0;
}
