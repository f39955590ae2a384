/* core/v1 LimitRange. */

#include "common/base/str.h"
#include "common/kinds/doubles.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/schema/quantity.h"

/* What must not be greater than what, of each resource; told at `at`. */
static const struct {
    const char *low, *low_text, *high, *high_text, *at;
} ordered[] = {
    {"min", "min value", "max", "max value", "min"},
    {"min", "min value", "defaultRequest", "default request value", "defaultRequest"},
    {"defaultRequest", "default request value", "max", "max value", "defaultRequest"},
    {"defaultRequest", "default request value", "default", "default limit value", "defaultRequest"},
    {"min", "min value", "default", "default value", "default"},
    {"default", "default value", "max", "max value", "default"},
};

static void check_order(const struct value *item, size_t which, struct schema_walk *walk)
{
    const struct value *lows = value_get(item, ordered[which].low);
    const struct value *highs = value_get(item, ordered[which].high);
    for (size_t i = 0; i < value_len(lows); i++) {
        const char *name = value_key_at(lows, i);
        struct quantity low, high;
        char sub[SCHEMA_SUB_LEN], low_text[64], high_text[64];
        if (!name || quantity_of(value_at(lows, i), &low) < 0 ||
            quantity_of(value_get(highs, name), &high) < 0 || quantity_compare(&low, &high) <= 0)
            continue;
        quantity_format(&low, low_text);
        quantity_format(&high, high_text);
        schema_sub_key(ordered[which].at, name, sub);
        schema_mistake(walk, value_get(value_get(item, ordered[which].at), name), sub,
                       CAUSE_INVALID, "%s %s is greater than %s %s", ordered[which].low_text,
                       low_text, ordered[which].high_text, high_text);
    }
}

static double number_of(const struct quantity *quantity)
{
    return (double)quantity->units + quantity->nano / 1e9;
}

static void check_ratio(const struct value *item, size_t i, struct schema_walk *walk)
{
    const struct value *ratios = value_get(item, "maxLimitRequestRatio");
    const char *name = value_key_at(ratios, i);
    struct quantity ratio, min, max;
    char sub[SCHEMA_SUB_LEN], text[64];
    if (!name || quantity_of(value_at(ratios, i), &ratio) < 0)
        return;
    schema_sub_key("maxLimitRequestRatio", name, sub);
    quantity_format(&ratio, text);
    if (ratio.units < 1) {
        schema_mistake(walk, value_at(ratios, i), sub, CAUSE_INVALID, "ratio %s is less than 1",
                       text);
        return;
    }
    if (quantity_of(value_get(value_get(item, "min"), name), &min) < 0 ||
        quantity_of(value_get(value_get(item, "max"), name), &max) < 0 || number_of(&min) <= 0)
        return;
    double most = number_of(&max) / number_of(&min);
    if (number_of(&ratio) > most)
        schema_mistake(walk, value_at(ratios, i), sub, CAUSE_INVALID,
                       "ratio %s is greater than max/min = %f", text, most);
}

static void check_item(const struct value *item, struct schema_walk *walk)
{
    static const char *const defaults[] = {"default", "defaultRequest"};
    const char *type = value_get_str(item, "type");
    for (size_t i = 0; i < ARRAY_LEN(defaults) && str_eq(type, "Pod"); i++)
        if (value_len(value_get(item, defaults[i])) > 0)
            schema_mistake(walk, value_get(item, defaults[i]), defaults[i], CAUSE_FORBIDDEN,
                           "may not be specified when `type` is 'Pod'");
    if (str_eq(type, "PersistentVolumeClaim") && !value_path(item, "min", "storage", NULL) &&
        !value_path(item, "max", "storage", NULL))
        schema_mistake(walk, item, NULL, CAUSE_REQUIRED,
                       "either minimum or maximum storage value is required, but neither was "
                       "provided");
    for (size_t i = 0; i < ARRAY_LEN(ordered); i++)
        check_order(item, i, walk);
    for (size_t i = 0; i < value_len(value_get(item, "maxLimitRequestRatio")); i++)
        check_ratio(item, i, walk);
}

static void key_type(const struct value *item, struct buf *ret)
{
    const char *type = value_get_str(item, "type");
    buf_addstr(ret, type ? type : "");
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    check_doubles(value_get(spec, "limits"), key_type, "limits", ".type", walk);
}

/* What `to` does not say is as `from` has it. */
static void complete(struct value *item, const char *to, const char *from)
{
    const struct value *source = value_get(item, from);
    struct value *target = value_len(source) ? value_make_map(item, to, NULL) : NULL;
    for (size_t i = 0; target && i < value_len(source); i++)
        if (!value_get(target, value_key_at(source, i)))
            value_set(target, value_key_at(source, i), value_copy(value_at(source, i)));
}

static void fill_item(struct value *item)
{
    if (!str_eq(value_get_str(item, "type"), "Container"))
        return;
    complete(item, "default", "max");
    complete(item, "defaultRequest", "default");
    complete(item, "defaultRequest", "min");
}

static const char *format_limit_type(const char *s)
{
    if (strchr(s, '/'))
        return format_qualified_name(s);
    return str_eq(s, "Pod") || str_eq(s, "Container") || str_eq(s, "PersistentVolumeClaim")
               ? NULL
               : "must be a standard limit type or fully qualified";
}

static const struct schema_type type_limit_range_item = {
    .name = "LimitRangeItem",
    DOC("What objects of a type may use."),
    .check = check_item,
    .fill = fill_item,
    FIELDS(F(1, "type", STRING, REQUIRED, FORMAT(format_limit_type),
             DOC("What it is of: Container, Pod or PersistentVolumeClaim.")),
           F(2, "max", RESOURCE_LIST, DOC("At most this much.")),
           F(3, "min", RESOURCE_LIST, DOC("At least this much.")),
           F(4, "default", RESOURCE_LIST, DOC("The limit of containers that have none.")),
           F(5, "defaultRequest", RESOURCE_LIST, DOC("The request of containers that have none.")),
           F(6, "maxLimitRequestRatio", RESOURCE_LIST,
             DOC("How many times its request a limit may be."))),
};

static const struct schema_type type_limit_range_spec = {
    .name = "LimitRangeSpec",
    DOC("What a limit range holds to."),
    .check = check_spec,
    FIELDS(F(1, "limits", LIST(OBJECT(type_limit_range_item)),
             .flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY, DOC("One for each type."))),
};

static const struct schema_type type_limit_range = {
    .name = "LimitRange",
    DOC("What single objects of its namespace may use, and what they get unless they say it."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_limit_range_spec), DOC("What it holds to."))),
};

const struct schema_kind kind_limit_range = {
    .group = "",
    .version = "v1",
    .kind = "LimitRange",
    .plural = "limitranges",
    .singular = "limitrange",
    .short_names = NAMES("limits"),
    .namespaced = true,
    .type = &type_limit_range,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.core.v1.LimitRange"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Created At", "string", .path = "metadata.creationTimestamp"}),
};
