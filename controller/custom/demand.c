#include "controller/custom/demand.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/schema/pattern.h"
#include "common/schema/walk.h"
#include "controller/custom/compile.h"
#include "controller/custom/string_format.h"

#include <inttypes.h>
#include <stdio.h>

struct keyword;

struct text_pattern {
    const struct pattern *pattern;
    const char *text;
};

struct named {
    const char *name;
    const struct demand *demand;
};

/* One keyword of a schema, with what it was given. */
struct limit {
    const struct keyword *keyword;
    union {
        double number;
        int64_t count;
        bool flag;
        const struct value *value;
        const char *text;
        const struct demand *demand;
        const struct named *named; /* ends with a NULL name */
        const struct text_pattern *pattern;
    };
};

struct demand {
    size_t count;
    struct limit limits[];
};

struct maker {
    struct pool *pool;
    bool whole;
};

struct keyword {
    const char *name;
    bool whole; /* tables see to it elsewhere */
    /* False: it asks for nothing. `given` is of the right shape. */
    bool (*make)(const struct maker *maker, const struct value *schema, const struct value *given,
                 struct limit *ret);
    void (*check)(const struct limit *limit, const struct value *value, struct schema_walk *walk);
};

/* ---- telling ---- */

static void shown(const struct value *value, struct buf *ret)
{
    buf_init(ret, 200);
    if (value_type(value) == VALUE_LIST)
        buf_addstr(ret, "[...]");
    else if (value_type(value) == VALUE_MAP)
        buf_addstr(ret, "{...}");
    else if (json_write(value, ret) != 0)
        buf_addstr(ret, "a long text");
}

static void tell(struct schema_walk *walk, const struct value *value, const char *cause,
                 const char *fmt, ...) printf_like(4, 5);
/* "Invalid value: 0: spec.replicas in body should be greater than or equal to 1". */
static void tell(struct schema_walk *walk, const struct value *value, const char *cause,
                 const char *fmt, ...)
{
    char what[512];
    cleanup(buf_done) struct buf text;
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    shown(value, &text);
    walk_mistake(walk, value_line(value), cause, "Invalid value: %s: %s in body %s", buf_str(&text),
                 buf_str(&walk->path), what);
}

/* False: the object has cost too much, which is told once. */
static bool charge(struct schema_walk *walk, uint64_t steps)
{
    bool before = walk->cost > DEMAND_MAX_COST;
    walk->cost += steps;
    bool over = walk->cost > DEMAND_MAX_COST && !WEAKENED(DEMAND_COST);
    if (over && !before)
        walk_mistake(walk, 0, CAUSE_INVALID, "too much to check against the schema of its kind");
    return !over;
}

/* ---- numbers ---- */

static bool make_number(const struct maker *maker, const struct value *schema,
                        const struct value *given, struct limit *ret)
{
    (void)maker;
    (void)schema;
    ret->number = value_float(given, 0);
    return true;
}

static bool make_minimum(const struct maker *maker, const struct value *schema,
                         const struct value *given, struct limit *ret)
{
    return !value_get_bool(schema, "exclusiveMinimum", false) &&
           make_number(maker, schema, given, ret);
}

static bool make_above(const struct maker *maker, const struct value *schema,
                       const struct value *given, struct limit *ret)
{
    return value_bool(given, false) &&
           make_number(maker, schema, value_get(schema, "minimum"), ret);
}

static bool make_maximum(const struct maker *maker, const struct value *schema,
                         const struct value *given, struct limit *ret)
{
    return !value_get_bool(schema, "exclusiveMaximum", false) &&
           make_number(maker, schema, given, ret);
}

static bool make_below(const struct maker *maker, const struct value *schema,
                       const struct value *given, struct limit *ret)
{
    return value_bool(given, false) &&
           make_number(maker, schema, value_get(schema, "maximum"), ret);
}

static bool is_number(const struct value *value)
{
    return value_type(value) == VALUE_INT || value_type(value) == VALUE_FLOAT;
}

static void check_minimum(const struct limit *limit, const struct value *value,
                          struct schema_walk *walk)
{
    if (is_number(value) && value_float(value, 0) < limit->number)
        tell(walk, value, CAUSE_INVALID, "should be greater than or equal to %.17g", limit->number);
}

static void check_above(const struct limit *limit, const struct value *value,
                        struct schema_walk *walk)
{
    if (is_number(value) && value_float(value, 0) <= limit->number)
        tell(walk, value, CAUSE_INVALID, "should be greater than %.17g", limit->number);
}

static void check_maximum(const struct limit *limit, const struct value *value,
                          struct schema_walk *walk)
{
    if (is_number(value) && value_float(value, 0) > limit->number)
        tell(walk, value, CAUSE_INVALID, "should be less than or equal to %.17g", limit->number);
}

static void check_below(const struct limit *limit, const struct value *value,
                        struct schema_walk *walk)
{
    if (is_number(value) && value_float(value, 0) >= limit->number)
        tell(walk, value, CAUSE_INVALID, "should be less than %.17g", limit->number);
}

static void check_multiple(const struct limit *limit, const struct value *value,
                           struct schema_walk *walk)
{
    double times = value_float(value, 0) / limit->number;
    double size = times < 0 ? -times : times;
    if (!is_number(value) || size > 1e15) /* beyond that a double is whole anyway */
        return;
    double off = size - (double)(int64_t)(size + 0.5);
    double slack = 1e-9 * (size > 1 ? size : 1); /* 0.3 is no multiple of 0.1 in binary */
    if (off > slack || off < -slack)
        tell(walk, value, CAUSE_INVALID, "should be a multiple of %.17g", limit->number);
}

/* ---- counts ---- */

static bool make_count(const struct maker *maker, const struct value *schema,
                       const struct value *given, struct limit *ret)
{
    (void)maker;
    (void)schema;
    ret->count = value_int(given, 0);
    return true;
}

static int64_t characters(const char *s)
{
    int64_t count = 0;
    for (; *s; s++)
        count += (*s & 0xc0) != 0x80;
    return count;
}

static void check_min_length(const struct limit *limit, const struct value *value,
                             struct schema_walk *walk)
{
    const char *s = value_str(value);
    if (s && characters(s) < limit->count)
        tell(walk, value, CAUSE_INVALID, "should be at least %" PRId64 " chars long", limit->count);
}

static void check_max_length(const struct limit *limit, const struct value *value,
                             struct schema_walk *walk)
{
    const char *s = value_str(value);
    if (s && characters(s) > limit->count)
        tell(walk, value, CAUSE_INVALID, "should be at most %" PRId64 " chars long", limit->count);
}

static void check_min_items(const struct limit *limit, const struct value *value,
                            struct schema_walk *walk)
{
    if (value_type(value) == VALUE_LIST && (int64_t)value_len(value) < limit->count)
        tell(walk, value, CAUSE_INVALID, "should have at least %" PRId64 " items", limit->count);
}

static void check_max_items(const struct limit *limit, const struct value *value,
                            struct schema_walk *walk)
{
    if (value_type(value) == VALUE_LIST && (int64_t)value_len(value) > limit->count)
        tell(walk, value, CAUSE_INVALID, "should have at most %" PRId64 " items", limit->count);
}

static void check_min_fields(const struct limit *limit, const struct value *value,
                             struct schema_walk *walk)
{
    if (value_type(value) == VALUE_MAP && (int64_t)value_len(value) < limit->count)
        tell(walk, value, CAUSE_INVALID, "should have at least %" PRId64 " properties",
             limit->count);
}

static void check_max_fields(const struct limit *limit, const struct value *value,
                             struct schema_walk *walk)
{
    if (value_type(value) == VALUE_MAP && (int64_t)value_len(value) > limit->count)
        tell(walk, value, CAUSE_INVALID, "should have at most %" PRId64 " properties",
             limit->count);
}

/* ---- texts ---- */

static void free_pattern(void *p)
{
    pattern_free(p);
}

static bool make_pattern(const struct maker *maker, const struct value *schema,
                         const struct value *given, struct limit *ret)
{
    (void)schema;
    struct err err;
    struct pattern *pattern = NULL;
    const char *text = value_str(given);
    ret->pattern = text ? pool_find(maker->pool, text) : NULL; /* the same few come often */
    if (ret->pattern)
        return true;
    if (!text || pattern_new(text, &pattern, &err) != 0)
        return false; /* one that is not known here (decision record 0007 of common) */
    pool_own(maker->pool, pattern, free_pattern);
    struct text_pattern *made = pool_alloc(maker->pool, 1, sizeof(*made));
    *made = (struct text_pattern){pattern, pool_str(maker->pool, text)};
    pool_keep(maker->pool, text, made);
    ret->pattern = made;
    return true;
}

static void check_pattern(const struct limit *limit, const struct value *value,
                          struct schema_walk *walk)
{
    const char *s = value_str(value);
    uint64_t cost = 0;
    if (!s || !charge(walk, 1))
        return;
    int found = pattern_match(limit->pattern->pattern, s, DEMAND_MAX_COST - walk->cost, &cost);
    if (charge(walk, cost) && found == 0 && !WEAKENED(DEMAND_PATTERN))
        tell(walk, value, CAUSE_INVALID, "should match '%s'", limit->pattern->text);
}

static bool make_format(const struct maker *maker, const struct value *schema,
                        const struct value *given, struct limit *ret)
{
    (void)schema;
    if (!string_format_is_known(value_str(given)))
        return false;
    ret->text = pool_str(maker->pool, value_str(given));
    return true;
}

static void check_format(const struct limit *limit, const struct value *value,
                         struct schema_walk *walk)
{
    const char *s = value_str(value);
    if (s && !string_format_fits(limit->text, s))
        tell(walk, value, CAUSE_INVALID, "must be of type %s: \"%.100s\"", limit->text, s);
}

/* ---- which values ---- */

static void free_value(void *p)
{
    value_free(p);
}

static bool make_enum(const struct maker *maker, const struct value *schema,
                      const struct value *given, struct limit *ret)
{
    (void)schema;
    struct value *copy = value_copy(given);
    pool_own(maker->pool, copy, free_value);
    ret->value = copy;
    return value_len(given) > 0;
}

static void check_enum(const struct limit *limit, const struct value *value,
                       struct schema_walk *walk)
{
    for (size_t i = 0; i < value_len(limit->value); i++)
        if (!charge(walk, 1) || value_equal(value_at(limit->value, i), value))
            return;
    cleanup(buf_done) struct buf text;
    cleanup(buf_done) struct buf known;
    shown(value, &text);
    buf_init(&known, 400);
    for (size_t i = 0; i < value_len(limit->value); i++)
        if (buf_addstr(&known, i ? ", " : "") != 0 ||
            json_write(value_at(limit->value, i), &known) != 0)
            break;
    walk_mistake(walk, value_line(value), CAUSE_NOT_SUPPORTED,
                 "Unsupported value: %s: supported values: %s", buf_str(&text), buf_str(&known));
}

static bool make_type(const struct maker *maker, const struct value *schema,
                      const struct value *given, struct limit *ret)
{
    (void)schema;
    ret->text = pool_str(maker->pool, value_str(given));
    return ret->text && *ret->text;
}

static void check_type(const struct limit *limit, const struct value *value,
                       struct schema_walk *walk)
{
    static const struct {
        const char *name;
        unsigned types;
    } types[] = {
        {"object", 1 << VALUE_MAP},
        {"array", 1 << VALUE_LIST},
        {"string", 1 << VALUE_STRING},
        {"integer", 1 << VALUE_INT},
        {"number", 1 << VALUE_INT | 1 << VALUE_FLOAT},
        {"boolean", 1 << VALUE_BOOL},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(types[i].name, limit->text) && !(types[i].types & 1u << value_type(value)))
            tell(walk, value, CAUSE_TYPE, "must be of type %s", limit->text);
}

/* ---- what lists and maps hold ---- */

static const struct demand *make(const struct maker *maker, const struct value *schema);

static bool make_required(const struct maker *maker, const struct value *schema,
                          const struct value *given, struct limit *ret)
{
    return make_enum(maker, schema, given, ret);
}

static void check_required(const struct limit *limit, const struct value *value,
                           struct schema_walk *walk)
{
    for (size_t i = 0; value_type(value) == VALUE_MAP && i < value_len(limit->value); i++) {
        const char *name = value_str(value_at(limit->value, i));
        if (!charge(walk, 1) || !name || value_get(value, name))
            continue;
        size_t mark = walk_enter_key(walk, name);
        walk_mistake(walk, value_line(value), CAUSE_REQUIRED, "Required value");
        walk_leave(walk, mark);
    }
}

static bool make_fields(const struct maker *maker, const struct value *schema,
                        const struct value *given, struct limit *ret)
{
    (void)schema;
    size_t count = 0;
    struct named *named = pool_alloc(maker->pool, value_len(given) + 1, sizeof(*named));
    for (size_t i = 0; i < value_len(given); i++) {
        const struct demand *demand = make(maker, value_at(given, i));
        if (demand)
            named[count++] = (struct named){pool_str(maker->pool, value_key_at(given, i)), demand};
    }
    ret->named = named;
    return count > 0;
}

static void check_fields(const struct limit *limit, const struct value *value,
                         struct schema_walk *walk)
{
    for (const struct named *named = limit->named; named->name; named++) {
        const struct value *field = value_get(value, named->name);
        if (!charge(walk, 1) || !field)
            continue;
        size_t mark = walk_enter_key(walk, named->name);
        demand_check(named->demand, field, walk);
        walk_leave(walk, mark);
    }
}

static bool make_one(const struct maker *maker, const struct value *schema,
                     const struct value *given, struct limit *ret)
{
    (void)schema;
    ret->demand = make(maker, given);
    return ret->demand != NULL;
}

/* Lists and maps within a list or map have a rule of their own in the tables. */
static bool make_items(const struct maker *maker, const struct value *schema,
                       const struct value *given, struct limit *ret)
{
    bool nested = compile_is_map(given) || str_eq(value_get_str(given, "type"), "array");
    return (maker->whole || !nested) && make_one(maker, schema, given, ret);
}

static void check_items(const struct limit *limit, const struct value *value,
                        struct schema_walk *walk)
{
    for (size_t i = 0; value_type(value) == VALUE_LIST && i < value_len(value); i++) {
        size_t mark = walk_enter_item(walk, i);
        demand_check(limit->demand, value_at(value, i), walk);
        walk_leave(walk, mark);
    }
}

static void check_values(const struct limit *limit, const struct value *value,
                         struct schema_walk *walk)
{
    for (size_t i = 0; value_type(value) == VALUE_MAP && i < value_len(value); i++) {
        size_t mark = walk_enter_key(walk, value_key_at(value, i));
        demand_check(limit->demand, value_at(value, i), walk);
        walk_leave(walk, mark);
    }
}

/* ---- sets ---- */

/* x-kubernetes-list-type: the fields that tell items apart, "" for the items themselves. */
static bool make_unique(const struct maker *maker, const struct value *schema,
                        const struct value *given, struct limit *ret)
{
    if (str_eq(value_str(given), "set")) {
        struct value *none = value_new_list();
        pool_own(maker->pool, none, free_value);
        ret->value = none;
        return true;
    }
    return str_eq(value_str(given), "map") &&
           make_enum(maker, schema, value_get(schema, "x-kubernetes-list-map-keys"), ret);
}

static void write_key(const struct value *keys, const struct value *item, struct buf *ret)
{
    if (value_len(keys) == 0)
        (void)json_write_canonical(item, ret);
    for (size_t i = 0; i < value_len(keys); i++) {
        const char *name = value_str(value_at(keys, i));
        const struct value *part = name ? value_get(item, name) : NULL;
        buf_addstr(ret, i ? "," : "");
        if (part)
            (void)json_write_canonical(part, ret);
    }
}

static void check_unique(const struct limit *limit, const struct value *value,
                         struct schema_walk *walk)
{
    if (value_type(value) != VALUE_LIST || value_len(value) < 2)
        return;
    struct map *seen = map_new();
    for (size_t i = 0; i < value_len(value) && charge(walk, 10); i++) {
        cleanup(buf_done) struct buf key;
        buf_init(&key, 0);
        write_key(limit->value, value_at(value, i), &key);
        if (!map_put(seen, buf_str(&key), seen) || WEAKENED(DEMAND_UNIQUE))
            continue;
        size_t mark = walk_enter_item(walk, i);
        walk_mistake(walk, value_line(value_at(value, i)), CAUSE_DUPLICATE,
                     "Duplicate value: %.200s", buf_str(&key));
        walk_leave(walk, mark);
    }
    map_free(seen, NULL);
}

/* ---- schemas of schemas ---- */

/* Below these, a schema says all that it says itself. */
static bool make_not(const struct maker *maker, const struct value *schema,
                     const struct value *given, struct limit *ret)
{
    const struct maker whole = {maker->pool, true};
    return make_one(&whole, schema, given, ret);
}

static bool make_some(const struct maker *maker, const struct value *schema,
                      const struct value *given, struct limit *ret)
{
    const struct maker whole = {maker->pool, true};
    (void)schema;
    struct named *named = pool_alloc(maker->pool, value_len(given) + 1, sizeof(*named));
    for (size_t i = 0; i < value_len(given); i++)
        named[i] = (struct named){"", make(&whole, value_at(given, i))};
    ret->named = named;
    return value_len(given) > 0;
}

static bool fits(const struct demand *demand, const struct value *value, struct schema_walk *walk)
{
    cleanup(diags_done) struct diags diags;
    cleanup(walk_done) struct schema_walk trial;
    diags_init(&diags);
    walk_init(&trial, walk->flags, &diags);
    trial.cost = walk->cost;
    demand_check(demand, value, &trial);
    bool over = !charge(walk, trial.cost - walk->cost + 1);
    return over || trial.mistakes == 0;
}

static void check_all(const struct limit *limit, const struct value *value,
                      struct schema_walk *walk)
{
    for (const struct named *one = limit->named; one->name; one++)
        demand_check(one->demand, value, walk);
}

static void check_any(const struct limit *limit, const struct value *value,
                      struct schema_walk *walk)
{
    for (const struct named *one = limit->named; one->name; one++)
        if (fits(one->demand, value, walk))
            return;
    tell(walk, value, CAUSE_INVALID, "must validate at least one schema (anyOf)");
}

static void check_one(const struct limit *limit, const struct value *value,
                      struct schema_walk *walk)
{
    size_t count = 0;
    for (const struct named *one = limit->named; one->name; one++)
        count += fits(one->demand, value, walk);
    if (count != 1 && charge(walk, 1))
        tell(walk, value, CAUSE_INVALID, "must validate one and only one schema (oneOf). Found %s",
             count ? "more than one valid" : "none valid");
}

static void check_not(const struct limit *limit, const struct value *value,
                      struct schema_walk *walk)
{
    if (fits(limit->demand, value, walk) && charge(walk, 1))
        tell(walk, value, CAUSE_INVALID, "must not validate the schema (not)");
}

static const struct keyword keywords[] = {
    {"type", true, make_type, check_type},
    {"minimum", false, make_minimum, check_minimum},
    {"exclusiveMinimum", false, make_above, check_above},
    {"maximum", false, make_maximum, check_maximum},
    {"exclusiveMaximum", false, make_below, check_below},
    {"multipleOf", false, make_number, check_multiple},
    {"minLength", false, make_count, check_min_length},
    {"maxLength", false, make_count, check_max_length},
    {"pattern", false, make_pattern, check_pattern},
    {"format", false, make_format, check_format},
    {"enum", false, make_enum, check_enum},
    {"minItems", false, make_count, check_min_items},
    {"maxItems", false, make_count, check_max_items},
    {"minProperties", false, make_count, check_min_fields},
    {"maxProperties", false, make_count, check_max_fields},
    {"x-kubernetes-list-type", false, make_unique, check_unique},
    {"required", true, make_required, check_required},
    {"properties", true, make_fields, check_fields},
    {"items", false, make_items, check_items},
    {"additionalProperties", false, make_items, check_values},
    {"allOf", false, make_some, check_all},
    {"anyOf", false, make_some, check_any},
    {"oneOf", false, make_some, check_one},
    {"not", false, make_not, check_not},
};

static const struct demand *make(const struct maker *maker, const struct value *schema)
{
    struct limit limits[ARRAY_LEN(keywords)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const struct keyword *keyword = &keywords[i];
        const struct value *given = value_get(schema, keyword->name);
        if (value_type(given) == VALUE_NULL || (keyword->whole && !maker->whole))
            continue;
        limits[count] = (struct limit){.keyword = keyword};
        count += keyword->make(maker, schema, given, &limits[count]);
    }
    if (count == 0)
        return NULL;
    struct demand *demand =
        pool_alloc(maker->pool, 1, sizeof(*demand) + count * sizeof(*demand->limits));
    demand->count = count;
    memcpy(demand->limits, limits, count * sizeof(*limits));
    return demand;
}

const struct demand *demand_new(struct pool *pool, const struct value *schema, bool whole)
{
    const struct maker maker = {pool, whole};
    return make(&maker, schema);
}

void demand_check(const struct demand *demand, const struct value *value, struct schema_walk *walk)
{
    for (size_t i = 0; demand && i < demand->count && charge(walk, 1); i++)
        demand->limits[i].keyword->check(&demand->limits[i], value, walk);
}
