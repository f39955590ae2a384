#include "common/kinds/metric.h"

#include "common/base/str.h"
#include "common/kinds/types.h"
#include "common/schema/quantity.h"

#include <stdio.h>

/* ---- of specs ---- */

static const char *const sources[][2] = {{"Resource", "resource"},
                                         {"ContainerResource", "containerResource"},
                                         {"Pods", "pods"},
                                         {"Object", "object"},
                                         {"External", "external"}};

const char *metric_field(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (str_eq(sources[i][0], type))
            return sources[i][1];
    return NULL;
}

const struct schema_type type_cross_version_object_reference = {
    .name = "CrossVersionObjectReference",
    .whole = true,
    DOC("An object of the same namespace, by kind and name."),
    FIELDS(F(1, "kind", STRING, REQUIRED, DOC("Its kind: Deployment, StatefulSet...")),
           F(2, "name", STRING, REQUIRED, DOC("Its name.")),
           F(3, "apiVersion", STRING, DOC("Its API version: apps/v1."))),
};

static const struct schema_type type_metric_identifier = {
    .name = "MetricIdentifier",
    DOC("A metric by name."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("Its name.")),
           F(2, "selector", OBJECT(type_label_selector), DOC("Which series of that name."))),
};

static const struct schema_type type_metric_target = {
    .name = "MetricTarget",
    DOC("What a metric should be."),
    FIELDS(F(1, "type", STRING, REQUIRED, ONE_OF("Utilization", "Value", "AverageValue"),
             DOC("Which of the others is given: Utilization, Value or AverageValue.")),
           F(2, "value", QUANTITY, DOC("Of the whole.")),
           F(3, "averageValue", QUANTITY, DOC("Of one pod, on average.")),
           F(4, "averageUtilization", INT32, RULE(positive),
             DOC("In percent of what the pods request, on average."))),
};

static bool is_set(const struct value *map, const char *key)
{
    return value_type(value_get(map, key)) != VALUE_NULL;
}

static void check_positive(const struct value *target, const char *key, struct schema_walk *walk)
{
    struct quantity quantity;
    const struct value *value = value_get(target, key);
    char sub[64];
    if (value_type(value) == VALUE_NULL || quantity_of(value, &quantity) < 0 ||
        quantity.units > 0 || (quantity.units == 0 && quantity.nano > 0))
        return;
    snprintf(sub, sizeof(sub), "target.%s", key);
    schema_mistake(walk, value, sub, CAUSE_INVALID, "must be positive");
}

/* Of a target one of two values must be given. */
static void check_either(const struct value *source, const char *a, const char *b,
                         const char *neither, const char *both, struct schema_walk *walk)
{
    const struct value *target = value_get(source, "target");
    char sub[64];
    if (value_type(target) != VALUE_MAP)
        return;
    if (!is_set(target, a) && !is_set(target, b)) {
        snprintf(sub, sizeof(sub), "target.%s", a);
        schema_mistake(walk, target, sub, CAUSE_REQUIRED, "%s", neither);
    } else if (is_set(target, a) && is_set(target, b)) {
        snprintf(sub, sizeof(sub), "target.%s", b);
        schema_mistake(walk, target, sub, CAUSE_FORBIDDEN, "%s", both);
    }
    check_positive(target, "value", walk);
    check_positive(target, "averageValue", walk);
}

static void check_resource(const struct value *source, struct schema_walk *walk)
{
    check_either(source, "averageUtilization", "averageValue",
                 "must set either a target raw value or a target utilization",
                 "may not set both a target raw value and a target utilization", walk);
}

static void check_valued(const struct value *source, struct schema_walk *walk)
{
    check_either(source, "averageValue", "value",
                 "must set either a target value for metric or a per-pod target",
                 "may not set both a target value for metric and a per-pod target", walk);
}

static void check_pods(const struct value *source, struct schema_walk *walk)
{
    const struct value *target = value_get(source, "target");
    if (value_type(target) == VALUE_MAP && !is_set(target, "averageValue"))
        schema_mistake(walk, target, "target.averageValue", CAUSE_REQUIRED,
                       "must specify a positive target averageValue");
    check_positive(target, "averageValue", walk);
}

static const struct schema_type type_resource_metric_source = {
    .name = "ResourceMetricSource",
    DOC("What the pods use of a resource."),
    .check = check_resource,
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The resource: cpu, memory.")),
           F(2, "target", OBJECT(type_metric_target), REQUIRED, DOC("What it should be."))),
};

static const struct schema_type type_container_resource_metric_source = {
    .name = "ContainerResourceMetricSource",
    DOC("What one container of each pod uses of a resource."),
    .check = check_resource,
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The resource: cpu, memory.")),
           F(2, "target", OBJECT(type_metric_target), REQUIRED, DOC("What it should be.")),
           F(3, "container", STRING, REQUIRED, DOC("The container's name."))),
};

static const struct schema_type type_pods_metric_source = {
    .name = "PodsMetricSource",
    DOC("A metric that each pod has."),
    .check = check_pods,
    FIELDS(F(1, "metric", OBJECT(type_metric_identifier), REQUIRED, DOC("Which.")),
           F(2, "target", OBJECT(type_metric_target), REQUIRED, DOC("What it should be."))),
};

static const struct schema_type type_object_metric_source = {
    .name = "ObjectMetricSource",
    DOC("A metric of another object: requests to an Ingress."),
    .check = check_valued,
    FIELDS(F(1, "describedObject", OBJECT(type_cross_version_object_reference), REQUIRED,
             DOC("The object.")),
           F(2, "target", OBJECT(type_metric_target), REQUIRED, DOC("What it should be.")),
           F(3, "metric", OBJECT(type_metric_identifier), REQUIRED, DOC("Which."))),
};

static const struct schema_type type_external_metric_source = {
    .name = "ExternalMetricSource",
    DOC("A metric from elsewhere: the length of a queue."),
    .check = check_valued,
    FIELDS(F(1, "metric", OBJECT(type_metric_identifier), REQUIRED, DOC("Which.")),
           F(2, "target", OBJECT(type_metric_target), REQUIRED, DOC("What it should be."))),
};

static void check_metric(const struct value *metric, struct schema_walk *walk)
{
    const char *wanted = metric_field(value_get_str(metric, "type"));
    if (!wanted)
        return;
    if (!is_set(metric, wanted))
        schema_mistake(walk, metric, wanted, CAUSE_REQUIRED,
                       "must populate information for the given metric source");
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (!str_eq(sources[i][1], wanted) && is_set(metric, sources[i][1]))
            schema_mistake(walk, value_get(metric, sources[i][1]), sources[i][1], CAUSE_FORBIDDEN,
                           "must populate the given metric source only");
}

#define METRIC_TYPES "Resource", "ContainerResource", "Pods", "Object", "External"

const struct schema_type type_metric_spec = {
    .name = "MetricSpec",
    DOC("A metric, and what it should be."),
    .check = check_metric,
    FIELDS(F(1, "type", STRING, REQUIRED, ONE_OF(METRIC_TYPES),
             DOC("Which of the others is given: Resource, ContainerResource, Pods, Object or "
                 "External.")),
           F(2, "object", OBJECT(type_object_metric_source), DOC("A metric of another object.")),
           F(3, "pods", OBJECT(type_pods_metric_source), DOC("A metric that each pod has.")),
           F(4, "resource", OBJECT(type_resource_metric_source),
             DOC("What the pods use of a resource.")),
           F(7, "containerResource", OBJECT(type_container_resource_metric_source),
             DOC("What one container of each pod uses of a resource.")),
           F(5, "external", OBJECT(type_external_metric_source), DOC("A metric from elsewhere."))),
};

/* ---- of statuses ---- */

static const struct schema_type type_metric_value_status = {
    .name = "MetricValueStatus",
    DOC("What a metric is."),
    FIELDS(
        F(1, "value", QUANTITY, DOC("Of the whole.")),
        F(2, "averageValue", QUANTITY, DOC("Of one pod, on average.")),
        F(3, "averageUtilization", INT32, DOC("In percent of what the pods request, on average."))),
};

static const struct schema_type type_resource_metric_status = {
    .name = "ResourceMetricStatus",
    DOC("What the pods use of a resource."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The resource.")),
           F(2, "current", OBJECT(type_metric_value_status), DOC("What it is."))),
};

static const struct schema_type type_container_resource_metric_status = {
    .name = "ContainerResourceMetricStatus",
    DOC("What one container of each pod uses of a resource."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The resource.")),
           F(2, "current", OBJECT(type_metric_value_status), DOC("What it is.")),
           F(3, "container", STRING, REQUIRED, DOC("The container's name."))),
};

static const struct schema_type type_pods_metric_status = {
    .name = "PodsMetricStatus",
    DOC("A metric that each pod has."),
    FIELDS(F(1, "metric", OBJECT(type_metric_identifier), REQUIRED, DOC("Which.")),
           F(2, "current", OBJECT(type_metric_value_status), DOC("What it is."))),
};

static const struct schema_type type_object_metric_status = {
    .name = "ObjectMetricStatus",
    DOC("A metric of another object."),
    FIELDS(F(1, "metric", OBJECT(type_metric_identifier), REQUIRED, DOC("Which.")),
           F(2, "current", OBJECT(type_metric_value_status), DOC("What it is.")),
           F(3, "describedObject", OBJECT(type_cross_version_object_reference), REQUIRED,
             DOC("The object."))),
};

static const struct schema_type type_external_metric_status = {
    .name = "ExternalMetricStatus",
    DOC("A metric from elsewhere."),
    FIELDS(F(1, "metric", OBJECT(type_metric_identifier), REQUIRED, DOC("Which.")),
           F(2, "current", OBJECT(type_metric_value_status), DOC("What it is."))),
};

const struct schema_type type_metric_status = {
    .name = "MetricStatus",
    DOC("A metric, and what it is."),
    FIELDS(
        F(1, "type", STRING, REQUIRED, ONE_OF(METRIC_TYPES), DOC("Which of the others is given.")),
        F(2, "object", OBJECT(type_object_metric_status), DOC("A metric of another object.")),
        F(3, "pods", OBJECT(type_pods_metric_status), DOC("A metric that each pod has.")),
        F(4, "resource", OBJECT(type_resource_metric_status),
          DOC("What the pods use of a resource.")),
        F(7, "containerResource", OBJECT(type_container_resource_metric_status),
          DOC("What one container of each pod uses of a resource.")),
        F(5, "external", OBJECT(type_external_metric_status), DOC("A metric from elsewhere."))),
};

/* ---- as text ---- */

static void print_value(const struct value *value, const char *none, struct buf *ret)
{
    struct quantity quantity;
    char text[64];
    if (value_type(value) == VALUE_NULL || quantity_of(value, &quantity) < 0) {
        buf_addstr(ret, none);
        return;
    }
    quantity_format(&quantity, text);
    buf_addstr(ret, text);
}

static void print_percent(const struct value *value, const char *none, struct buf *ret)
{
    if (value_type(value) == VALUE_INT)
        buf_addf(ret, "%lld%%", (long long)value_int(value, 0));
    else
        buf_addstr(ret, none);
}

/* "cpu: 50%/80%", "100m/200m (avg)" */
static void print_metric(const struct value *spec, const struct value *status, struct buf *ret)
{
    const char *type = value_get_str(spec, "type"), *field = metric_field(type);
    if (!field) {
        buf_addstr(ret, "<unknown type>");
        return;
    }
    const struct value *source = value_get(spec, field), *target = value_get(source, "target");
    const struct value *current = value_path(status, field, "current", NULL);
    bool resource = str_has_suffix(type, "Resource"), average = is_set(target, "averageValue");
    const char *key = average ? "averageValue" : resource ? "averageUtilization" : "value";
    if (resource && value_get_str(source, "name"))
        buf_addf(ret, "%s: ", value_get_str(source, "name"));
    if (resource && !average) {
        print_percent(value_get(current, key), "<unknown>", ret);
        buf_addc(ret, '/');
        print_percent(value_get(target, key), "<auto>", ret);
        return;
    }
    print_value(value_get(current, key), "<unknown>", ret);
    buf_addc(ret, '/');
    print_value(value_get(target, key), "0", ret);
    if (average && (str_eq(type, "Object") || str_eq(type, "External")))
        buf_addstr(ret, " (avg)");
}

void metrics_print(const struct value *specs, const struct value *statuses, struct buf *ret)
{
    enum { SHOWN = 2 };
    size_t count = value_len(specs);
    if (count == 0)
        buf_addstr(ret, "<none>");
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        buf_addstr(ret, i ? ", " : "");
        print_metric(value_at(specs, i), value_at(statuses, i), ret);
    }
    if (count > SHOWN)
        buf_addf(ret, " + %zu more...", count - SHOWN);
}
