/* core/v1 ResourceQuota. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/schema/quantity.h"

#include <stdio.h>
#include <stdlib.h>

/* What stands in no domain. */
enum what { AMOUNT, COMPUTE, COUNT, PODS };
static const struct {
    const char *name;
    enum what what;
} resources[] = {
    {"cpu", COMPUTE},
    {"memory", COMPUTE},
    {"requests.cpu", COMPUTE},
    {"requests.memory", COMPUTE},
    {"limits.cpu", COMPUTE},
    {"limits.memory", COMPUTE},
    {"ephemeral-storage", AMOUNT},
    {"requests.ephemeral-storage", AMOUNT},
    {"limits.ephemeral-storage", AMOUNT},
    {"requests.storage", AMOUNT},
    {"pods", PODS},
    {"services", COUNT},
    {"services.nodeports", COUNT},
    {"services.loadbalancers", COUNT},
    {"replicationcontrollers", COUNT},
    {"resourcequotas", COUNT},
    {"secrets", COUNT},
    {"configmaps", COUNT},
    {"persistentvolumeclaims", COUNT},
};

static int resource_at(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        if (str_eq(resources[i].name, name))
            return (int)i;
    return -1;
}

static const char *format_quota_resource(const char *s)
{
    const char *wrong = format_qualified_name(s);
    if (wrong || strchr(s, '/') || resource_at(s) >= 0 || str_has_prefix(s, "hugepages-") ||
        str_has_prefix(s, "requests.hugepages-") || str_has_prefix(s, "limits.hugepages-"))
        return wrong;
    return "must be a standard resource for quota, or a name with a domain, such as "
           "count/jobs.batch or requests.example.com/gpu";
}

#define SCOPES                                                                                     \
    ONE_OF("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass",        \
           "CrossNamespacePodAffinity", "VolumeAttributesClass")

/* Whether a quota of that scope can count a resource; those with a domain are not judged. */
static bool fits(const char *scope, int resource)
{
    if (resource < 0)
        return true;
    if (str_eq(scope, "BestEffort"))
        return resources[resource].what == PODS;
    if (str_eq(scope, "VolumeAttributesClass"))
        return str_eq(resources[resource].name, "persistentvolumeclaims") ||
               str_eq(resources[resource].name, "requests.storage");
    return resources[resource].what == PODS || resources[resource].what == COMPUTE;
}

static void check_scopes(const struct value *spec, struct schema_walk *walk)
{
    const struct value *scopes = value_get(spec, "scopes"), *hard = value_get(spec, "hard");
    for (size_t i = 0; i < value_len(scopes) && i < 16; i++) {
        char sub[64];
        bool all = true;
        const char *scope = value_str(value_at(scopes, i));
        for (size_t n = 0; scope && n < value_len(hard); n++)
            all = all && fits(scope, resource_at(value_key_at(hard, n)));
        snprintf(sub, sizeof(sub), "scopes[%zu]", i);
        if (!all)
            schema_mistake(walk, value_at(scopes, i), sub, CAUSE_INVALID,
                           "\"%.64s\": unsupported scope applied to resource", scope);
    }
    if ((value_has_str(scopes, "BestEffort") && value_has_str(scopes, "NotBestEffort")) ||
        (value_has_str(scopes, "Terminating") && value_has_str(scopes, "NotTerminating")))
        schema_mistake(walk, scopes, "scopes", CAUSE_INVALID, "conflicting scopes");
}

static void check_counts(const struct value *list, const char *field, struct schema_walk *walk)
{
    for (size_t i = 0; i < value_len(list); i++) {
        int resource = resource_at(value_key_at(list, i));
        struct quantity amount;
        char sub[SCHEMA_SUB_LEN];
        if (resource < 0 || resources[resource].what < COUNT ||
            quantity_of(value_at(list, i), &amount) < 0 || amount.nano == 0)
            continue;
        schema_mistake(walk, value_at(list, i), schema_sub_key(field, value_key_at(list, i), sub),
                       CAUSE_INVALID, "must be an integer");
    }
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    check_counts(value_get(spec, "hard"), "hard", walk);
    check_scopes(spec, walk);
}

static void check_requirement(const struct value *requirement, struct schema_walk *walk)
{
    const struct value *op = value_get(requirement, "operator");
    const struct value *values = value_get(requirement, "values");
    const char *scope = value_get_str(requirement, "scopeName"), *name = value_str(op);
    bool listed = str_eq(name, "In") || str_eq(name, "NotIn");
    bool named = str_eq(scope, "PriorityClass") || str_eq(scope, "VolumeAttributesClass");
    if (!str_empty(scope) && !named && !str_empty(name) && !str_eq(name, "Exists"))
        schema_mistake(walk, op, "operator", CAUSE_INVALID, "must be 'Exists' when scope is %.64s",
                       scope);
    if (listed && value_len(values) == 0)
        schema_mistake(walk, values, "values", CAUSE_REQUIRED,
                       "must be at least one value when `operator` is 'In' or 'NotIn' for scope "
                       "selector");
    if (!listed && value_len(values) > 0)
        schema_mistake(walk, values, "values", CAUSE_INVALID,
                       "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope "
                       "selector");
}

static const struct schema_type type_scope_requirement = {
    .name = "ScopedResourceSelectorRequirement",
    DOC("One condition on a scope."),
    .check = check_requirement,
    FIELDS(F(1, "scopeName", STRING, REQUIRED, SCOPES, DOC("The scope.")),
           F(2, "operator", STRING, REQUIRED, ONE_OF("In", "NotIn", "Exists", "DoesNotExist"),
             DOC("In, NotIn, Exists or DoesNotExist.")),
           F(3, "values", LIST(STRING), DOC("The values, with In and NotIn."))),
};

static const struct schema_type type_scope_selector = {
    .name = "ScopeSelector",
    .whole = true,
    DOC("Objects that fit all of it are counted."),
    FIELDS(F(1, "matchExpressions", LIST(OBJECT(type_scope_requirement)), DOC("Conditions."))),
};

#define QUOTA_LIST SHAPE_MAP(QUANTITY), RULE(not_negative), KEYS(format_quota_resource)

static const struct schema_type type_resource_quota_spec = {
    .name = "ResourceQuotaSpec",
    DOC("What a quota holds to."),
    .check = check_spec,
    FIELDS({.number = 1, .name = "hard", QUOTA_LIST, DOC("At most this much of each in all.")},
           F(2, "scopes", LIST(STRING), SCOPES, IMMUTABLE,
             DOC("Which objects are counted: those that fit all of these.")),
           F(3, "scopeSelector", OBJECT(type_scope_selector), IMMUTABLE,
             DOC("The same with conditions."))),
};

static const struct schema_type type_resource_quota_status = {
    .name = "ResourceQuotaStatus",
    DOC("What is used of a quota."),
    FIELDS({.number = 1, .name = "hard", QUOTA_LIST, DOC("What holds now.")},
           {.number = 2, .name = "used", QUOTA_LIST, DOC("What its namespace uses.")}),
};

static const struct schema_type type_resource_quota = {
    .name = "ResourceQuota",
    DOC("What all objects of its namespace may use together."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_resource_quota_spec), DEF("{}"), DOC("What it holds to.")),
           F(3, "status", OBJECT(type_resource_quota_status), DOC("What is used of it."))),
};

static __attribute__((unused)) int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static __attribute__((unused)) void add_amount(const struct value *list, const char *name,
                                               struct buf *ret)
{
    const struct value *value = value_get(list, name);
    struct quantity amount = {0};
    char text[64];
    if (value && quantity_of(value, &amount) < 0)
        amount = (struct quantity){0};
    quantity_format(&amount, text);
    buf_addstr(ret, text);
}

/* "cpu: 1/4, memory: 1Gi/8Gi": of limits.*, or of all others. */
static __attribute__((unused)) void add_used(const struct value *object, bool limits,
                                             struct buf *ret)
{
    const struct value *hard = value_path(object, "status", "hard", NULL);
    const struct value *used = value_path(object, "status", "used", NULL);
    autofree const char **names = xcalloc(value_len(hard) + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < value_len(hard); i++) {
        const char *name = value_key_at(hard, i);
        if (name && str_has_prefix(name, "limits") == limits)
            names[count++] = name;
    }
    qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 0; i < count; i++) {
        buf_addf(ret, "%s%s: ", i ? ", " : "", names[i]);
        add_amount(used, names[i], ret);
        buf_addc(ret, '/');
        add_amount(hard, names[i], ret);
    }
}

CELL(cell_request)
{
    (void)now_wall_ns;
    add_used(object, false, ret);
}

CELL(cell_limit)
{
    (void)now_wall_ns;
    add_used(object, true, ret);
}

const struct schema_kind kind_resource_quota = {
    .group = "",
    .version = "v1",
    .kind = "ResourceQuota",
    .plural = "resourcequotas",
    .singular = "resourcequota",
    .short_names = NAMES("quota"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_resource_quota,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.core.v1.ResourceQuota"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Request", "string", .cell = cell_request}, {"Limit", "string", .cell = cell_limit},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
