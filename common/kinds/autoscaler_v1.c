/* autoscaling/v1 HorizontalPodAutoscaler, and how it is turned into v2 and back. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/kinds/autoscaler.h"
#include "common/kinds/kinds.h"
#include "common/kinds/metric.h"
#include "common/kinds/types.h"

#include <ctype.h>

static const struct schema_type type_spec_v1 = {
    .name = "HorizontalPodAutoscalerSpec",
    DOC("How many pods there are to be, by the CPU that they use."),
    .check = autoscaler_check_replicas,
    FIELDS(F(1, "scaleTargetRef", OBJECT(type_cross_version_object_reference), REQUIRED,
             DOC("What has the pods: a Deployment...")),
           F(2, "minReplicas", INT32, DEF("1"), RULE(positive), DOC("At least so many.")),
           F(3, "maxReplicas", INT32, .flags = SCHEMA_REQUIRED, RULE(positive),
             DOC("At most so many.")),
           F(4, "targetCPUUtilizationPercentage", INT32, RULE(positive),
             DOC("How much of the CPU that they request the pods should use."))),
};

static const struct schema_type type_status_v1 = {
    .name = "HorizontalPodAutoscalerStatus",
    DOC("What an autoscaler does."),
    FIELDS(F(1, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("The metadata.generation that this was said of.")),
           F(2, "lastScaleTime", TIME, DOC("When it last changed the number.")),
           F(3, "currentReplicas", INT32, RULE(not_negative), DOC("How many pods there are.")),
           F(4, "desiredReplicas", INT32, DEF("0"), RULE(not_negative),
             DOC("How many there are to be.")),
           F(5, "currentCPUUtilizationPercentage", INT32,
             DOC("How much of the CPU that they request the pods use."))),
};

/* What stands in annotations is to become part of the spec: it must be right there. */
static void check_annotations(const struct value *object, struct schema_walk *walk)
{
    cleanup(value_free) struct value *copy = value_copy(object);
    cleanup(diags_done) struct diags diags = {0};
    autoscaler_from_v1(copy);
    value_set_str(copy, "apiVersion", "autoscaling/v2");
    int r = schema_check(&kind_horizontal_pod_autoscaler, copy, 0, &diags);
    if (r == 0 || WEAKENED(AUTOSCALER_ANNOTATIONS))
        return;
    for (size_t i = 0; i < diags.count; i++)
        if (str_has_prefix(diags.items[i].path, "spec.metrics") ||
            str_has_prefix(diags.items[i].path, "spec.behavior")) {
            schema_mistake(walk, value_path(object, "metadata", "annotations", NULL),
                           "metadata.annotations", CAUSE_INVALID, "in what they say of %s: %s",
                           diags.items[i].path, diags.items[i].reason);
            return;
        }
}

const struct schema_type type_autoscaler_v1 = {
    .name = "HorizontalPodAutoscaler",
    .check = check_annotations,
    DOC("Changes how many pods there are by the CPU that they use."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_spec_v1), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_status_v1), DOC("What it does."))),
};

/* ---- metrics, whose fields v1 names otherwise ---- */

struct word {
    const char *outer, *inner; /* v2: outer.inner, or outer alone */
    const char *v1;
};

#define NO_MORE                                                                                    \
    {                                                                                              \
        NULL, NULL, NULL                                                                           \
    }

static const struct word resource_words[] = {
    {"name", NULL, "name"},
    {"container", NULL, "container"},
    {"target", "averageUtilization", "targetAverageUtilization"},
    {"target", "averageValue", "targetAverageValue"},
    {"current", "averageUtilization", "currentAverageUtilization"},
    {"current", "averageValue", "currentAverageValue"},
    NO_MORE};
static const struct word pods_words[] = {{"metric", "name", "metricName"},
                                         {"metric", "selector", "selector"},
                                         {"target", "averageValue", "targetAverageValue"},
                                         {"current", "averageValue", "currentAverageValue"},
                                         NO_MORE};
static const struct word object_words[] = {{"describedObject", NULL, "target"},
                                           {"metric", "name", "metricName"},
                                           {"metric", "selector", "selector"},
                                           {"target", "value", "targetValue"},
                                           {"current", "value", "currentValue"},
                                           {"target", "averageValue", "averageValue"},
                                           NO_MORE};
/* Of an object's status averageValue is what is, not what should be. */
static const struct word object_status_words[] = {
    {"describedObject", NULL, "target"},         {"metric", "name", "metricName"},
    {"metric", "selector", "selector"},          {"current", "value", "currentValue"},
    {"current", "averageValue", "averageValue"}, NO_MORE};
static const struct word external_words[] = {{"metric", "name", "metricName"},
                                             {"metric", "selector", "metricSelector"},
                                             {"target", "value", "targetValue"},
                                             {"target", "averageValue", "targetAverageValue"},
                                             {"current", "value", "currentValue"},
                                             {"current", "averageValue", "currentAverageValue"},
                                             NO_MORE};

static const struct word *words_of(const char *type, bool status)
{
    if (str_eq(type, "Pods"))
        return pods_words;
    if (str_eq(type, "Object"))
        return status ? object_status_words : object_words;
    return str_eq(type, "External") ? external_words : resource_words;
}

/* Which of its values a target gives. */
static void name_target(struct value *source)
{
    static const char *const types[][2] = {{"averageUtilization", "Utilization"},
                                           {"averageValue", "AverageValue"},
                                           {"value", "Value"}};
    struct value *target = value_get(source, "target");
    for (size_t i = 0; i < ARRAY_LEN(types) && target; i++)
        if (value_get(target, types[i][0]) && !value_get(target, "type"))
            value_set_str(target, "type", types[i][1]);
}

static struct value *source_to_v1(const struct value *source, const struct word *words)
{
    struct value *ret = value_new_map();
    for (; words->v1; words++) {
        const struct value *at = value_get(source, words->outer);
        at = words->inner ? value_get(at, words->inner) : at;
        if (value_type(at) != VALUE_NULL)
            value_set(ret, words->v1, value_copy(at));
    }
    return ret;
}

static struct value *source_from_v1(const struct value *source, const struct word *words)
{
    struct value *ret = value_new_map();
    for (; words->v1; words++) {
        const struct value *at = value_get(source, words->v1);
        struct value *owner = words->inner && at ? value_make_map(ret, words->outer, NULL) : ret;
        if (value_type(at) != VALUE_NULL)
            value_set(owner, words->inner ? words->inner : words->outer, value_copy(at));
    }
    name_target(ret);
    return ret;
}

typedef struct value *turn_source(const struct value *source, const struct word *words);

static struct value *turn_metric(const struct value *metric, bool status, turn_source *turn)
{
    const char *type = value_get_str(metric, "type"), *field = metric_field(type);
    if (!field || value_type(value_get(metric, field)) != VALUE_MAP)
        return NULL;
    struct value *ret = value_new_map();
    value_set_str(ret, "type", type);
    value_set(ret, field, turn(value_get(metric, field), words_of(type, status)));
    return ret;
}

/* NULL if one of them cannot be turned: then none is. */
static struct value *turn_metrics(const struct value *metrics, bool status, turn_source *turn)
{
    struct value *ret = value_new_list();
    for (size_t i = 0; i < value_len(metrics); i++) {
        struct value *metric = turn_metric(value_at(metrics, i), status, turn);
        if (!metric) {
            value_free(ret);
            return NULL;
        }
        value_append(ret, metric);
    }
    return ret;
}

static const struct value *cpu_of(const struct value *metric, const char *which)
{
    const struct value *resource = value_get(metric, "resource");
    if (!str_eq(value_get_str(metric, "type"), "Resource") ||
        !str_eq(value_get_str(resource, "name"), "cpu"))
        return NULL;
    return value_path(resource, which, "averageUtilization", NULL);
}

struct value *autoscaler_cpu_metric(int64_t percent)
{
    struct value *metric = value_new_map();
    struct value *target = value_make_map(metric, "resource", "target", NULL);
    value_set_str(metric, "type", "Resource");
    value_set_str(value_get(metric, "resource"), "name", "cpu");
    value_set_str(target, "type", "Utilization");
    value_set_int(target, "averageUtilization", percent);
    return metric;
}

/* ---- annotations ---- */

#define ANNOTATION "autoscaling.alpha.kubernetes.io/"
#define METRICS ANNOTATION "metrics"
#define BEHAVIOR ANNOTATION "behavior"
#define CURRENT_METRICS ANNOTATION "current-metrics"
#define CONDITIONS ANNOTATION "conditions"

/* Takes what. */
static void note(struct value *object, const char *key, struct value *what)
{
    cleanup(buf_done) struct buf text = {0};
    struct value *annotations = value_make_map(object, "metadata", "annotations", NULL);
    if (annotations && json_write(what, &text) == 0)
        value_set_str(annotations, key, buf_str(&text));
    value_free(what);
}

/* What stands there; the caller's. NULL if there is nothing, or nothing of that type. */
static struct value *noted(const struct value *object, const char *key, enum value_type type)
{
    const char *text = value_str(value_path(object, "metadata", "annotations", key, NULL));
    struct value *ret = NULL;
    struct err err;
    if (!text || json_parse(text, strlen(text), &ret, &err) < 0)
        return NULL;
    if (value_type(ret) == type)
        return ret;
    value_free(ret);
    return NULL;
}

static void forget(struct value *object, const char *key)
{
    struct value *meta = value_get(object, "metadata");
    value_del(value_get(meta, "annotations"), key);
    if (value_len(value_get(meta, "annotations")) == 0)
        value_del(meta, "annotations");
}

/* The annotation of a behavior has its words as Go's structs have them: "ScaleUp". */
static struct value *with_first_letters(const struct value *value, int letter(int))
{
    if (value_type(value) == VALUE_LIST) {
        struct value *list = value_new_list();
        for (size_t i = 0; i < value_len(value); i++)
            value_append(list, with_first_letters(value_at(value, i), letter));
        return list;
    }
    if (value_type(value) != VALUE_MAP)
        return value_copy(value);
    struct value *map = value_new_map();
    for (size_t i = 0; i < value_len(value); i++) {
        autofree char *key = xstrdup(value_key_at(value, i));
        *key = (char)letter((unsigned char)*key);
        value_set(map, key, with_first_letters(value_at(value, i), letter));
    }
    return map;
}

/* ---- to v1 ---- */

/* The first target for CPU has a word in v1; the other metrics have none. */
static void spec_to_v1(struct value *object, struct value *spec)
{
    cleanup(value_free) struct value *metrics = value_take(spec, "metrics");
    cleanup(value_free) struct value *behavior = value_take(spec, "behavior");
    bool found = false;
    for (size_t i = 0; i < value_len(metrics) && !found; i++) {
        const struct value *cpu = cpu_of(value_at(metrics, i), "target");
        if (!cpu)
            continue;
        value_set(spec, "targetCPUUtilizationPercentage", value_copy(cpu));
        value_remove_at(metrics, i);
        found = true;
    }
    struct value *others = value_len(metrics) ? turn_metrics(metrics, false, source_to_v1) : NULL;
    if (others)
        note(object, METRICS, others);
    if (behavior)
        note(object, BEHAVIOR, with_first_letters(behavior, toupper));
}

static void status_to_v1(struct value *object, struct value *status)
{
    cleanup(value_free) struct value *metrics = value_take(status, "currentMetrics");
    struct value *conditions = value_take(status, "conditions");
    for (size_t i = 0; i < value_len(metrics); i++) {
        const struct value *cpu = cpu_of(value_at(metrics, i), "current");
        if (cpu)
            value_set(status, "currentCPUUtilizationPercentage", value_copy(cpu));
    }
    struct value *all = value_len(metrics) ? turn_metrics(metrics, true, source_to_v1) : NULL;
    if (all)
        note(object, CURRENT_METRICS, all);
    if (conditions)
        note(object, CONDITIONS, conditions);
}

void autoscaler_to_v1(struct value *object)
{
    struct value *spec = value_get(object, "spec"), *status = value_get(object, "status");
    if (value_type(spec) == VALUE_MAP)
        spec_to_v1(object, spec);
    if (value_type(status) == VALUE_MAP)
        status_to_v1(object, status);
}

/* ---- from v1 ---- */

static void spec_from_v1(struct value *object, struct value *spec)
{
    cleanup(value_free) struct value *cpu = value_take(spec, "targetCPUUtilizationPercentage");
    cleanup(value_free) struct value *others = noted(object, METRICS, VALUE_LIST);
    cleanup(value_free) struct value *behavior = noted(object, BEHAVIOR, VALUE_MAP);
    cleanup(value_free) struct value *turned =
        others ? turn_metrics(others, false, source_from_v1) : NULL;
    struct value *metrics = value_new_list();
    if (value_type(cpu) == VALUE_INT)
        value_append(metrics, autoscaler_cpu_metric(value_int(cpu, 0)));
    for (size_t i = 0; i < value_len(turned); i++)
        value_append(metrics, value_copy(value_at(turned, i)));
    if (value_len(metrics) > 0)
        value_set(spec, "metrics", metrics);
    else
        value_free(metrics);
    if (turned)
        forget(object, METRICS);
    if (!behavior)
        return;
    value_set(spec, "behavior", with_first_letters(behavior, tolower));
    forget(object, BEHAVIOR);
}

static void status_from_v1(struct value *object, struct value *status)
{
    cleanup(value_free) struct value *cpu = value_take(status, "currentCPUUtilizationPercentage");
    cleanup(value_free) struct value *all = noted(object, CURRENT_METRICS, VALUE_LIST);
    struct value *metrics = all ? turn_metrics(all, true, source_from_v1) : NULL;
    struct value *conditions = noted(object, CONDITIONS, VALUE_LIST);
    if (!metrics && value_type(cpu) == VALUE_INT) {
        struct value *metric = value_new_map();
        metrics = value_new_list();
        value_set_str(metric, "type", "Resource");
        value_set_int(value_make_map(metric, "resource", "current", NULL), "averageUtilization",
                      value_int(cpu, 0));
        value_set_str(value_get(metric, "resource"), "name", "cpu");
        value_append(metrics, metric);
    }
    if (all && metrics)
        forget(object, CURRENT_METRICS);
    if (metrics)
        value_set(status, "currentMetrics", metrics);
    if (!conditions)
        return;
    value_set(status, "conditions", conditions);
    forget(object, CONDITIONS);
}

void autoscaler_from_v1(struct value *object)
{
    struct value *spec = value_get(object, "spec"), *status = value_get(object, "status");
    if (value_type(spec) == VALUE_MAP)
        spec_from_v1(object, spec);
    if (value_type(status) == VALUE_MAP)
        status_from_v1(object, status);
}
