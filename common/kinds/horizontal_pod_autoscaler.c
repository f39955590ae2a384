/* autoscaling/v2 HorizontalPodAutoscaler. */

#include "common/base/str.h"
#include "common/kinds/autoscaler.h"
#include "common/kinds/kinds.h"
#include "common/kinds/metric.h"
#include "common/kinds/types.h"

static const struct schema_type type_scaling_policy = {
    .name = "HPAScalingPolicy",
    DOC("By how much the number of pods may change in a time."),
    FIELDS(F(1, "type", STRING, REQUIRED, ONE_OF("Pods", "Percent"), DOC("Pods or Percent.")),
           F(2, "value", INT32, .flags = SCHEMA_REQUIRED, RULE(positive), DOC("By how much.")),
           F(3, "periodSeconds", INT32, .flags = SCHEMA_REQUIRED, RANGE(1, 1800),
             DOC("In how long."))),
};

static void check_rules(const struct value *rules, struct schema_walk *walk)
{
    const struct value *policies = value_get(rules, "policies");
    if (value_type(policies) == VALUE_LIST && value_len(policies) == 0)
        schema_mistake(walk, policies, "policies", CAUSE_REQUIRED,
                       "must specify at least one Policy");
}

static const struct schema_type type_scaling_rules = {
    .name = "HPAScalingRules",
    DOC("How fast the number of pods may change, in one direction."),
    .check = check_rules,
    FIELDS(F(3, "stabilizationWindowSeconds", INT32, RANGE(0, 3600),
             DOC("The most cautious wish of so long a time holds.")),
           F(1, "selectPolicy", STRING, DEF("Max"), ONE_OF("Max", "Min", "Disabled"),
             DOC("Which policy holds: Max lets change most, Min least, Disabled none.")),
           F(2, "policies", LIST(OBJECT(type_scaling_policy)), DOC("By how much in how long.")),
           F(4, "tolerance", QUANTITY, RULE(not_negative),
             DOC("How far off a metric may be before anything is done: 0.05."))),
};

static void add_policy(struct value *policies, const char *type, int value)
{
    struct value *policy = value_new_map();
    value_set_str(policy, "type", type);
    value_set_int(policy, "value", value);
    value_set_int(policy, "periodSeconds", 15);
    value_append(policies, policy);
}

/* Who says something of how it is done gets the rest of it written out. */
static void fill_behavior(struct value *behavior)
{
    static const char *const directions[] = {"scaleUp", "scaleDown"};
    for (size_t i = 0; i < ARRAY_LEN(directions); i++) {
        struct value *rules = value_make_map(behavior, directions[i], NULL);
        bool up = i == 0;
        if (!rules)
            continue;
        schema_default_type(&type_scaling_rules, rules);
        if (up && !value_get(rules, "stabilizationWindowSeconds"))
            value_set_int(rules, "stabilizationWindowSeconds", 0);
        if (value_get(rules, "policies"))
            continue;
        struct value *policies = value_set(rules, "policies", value_new_list());
        if (up)
            add_policy(policies, "Pods", 4);
        add_policy(policies, "Percent", 100);
    }
}

static const struct schema_type type_behavior = {
    .name = "HorizontalPodAutoscalerBehavior",
    DOC("How fast the number of pods may change."),
    .fill = fill_behavior,
    FIELDS(F(1, "scaleUp", OBJECT(type_scaling_rules), DOC("To more pods.")),
           F(2, "scaleDown", OBJECT(type_scaling_rules), DOC("To fewer pods."))),
};

void autoscaler_check_replicas(const struct value *spec, struct schema_walk *walk)
{
    const struct value *max = value_get(spec, "maxReplicas");
    if (value_type(max) == VALUE_INT && value_int(max, 0) < value_get_int(spec, "minReplicas", 1))
        schema_mistake(walk, max, "maxReplicas", CAUSE_INVALID,
                       "must be greater than or equal to `minReplicas`");
}

static void fill_spec(struct value *spec)
{
    if (value_len(value_get(spec, "metrics")) > 0)
        return;
    struct value *metric = autoscaler_cpu_metric(80);
    value_append(value_set(spec, "metrics", value_new_list()), metric);
}

static const struct schema_type type_autoscaler_spec = {
    .name = "HorizontalPodAutoscalerSpec",
    DOC("How many pods there are to be, by which metrics."),
    .check = autoscaler_check_replicas,
    .fill = fill_spec,
    FIELDS(F(1, "scaleTargetRef", OBJECT(type_cross_version_object_reference), REQUIRED,
             DOC("What has the pods: a Deployment...")),
           F(2, "minReplicas", INT32, DEF("1"), RULE(positive), DOC("At least so many.")),
           F(3, "maxReplicas", INT32, .flags = SCHEMA_REQUIRED, RULE(positive),
             DOC("At most so many.")),
           F(4, "metrics", LIST(OBJECT(type_metric_spec)),
             DOC("What it goes by; the one that asks for most pods holds.")),
           F(5, "behavior", OBJECT(type_behavior), DOC("How fast the number may change."))),
};

static const struct schema_type type_autoscaler_condition = {
    .name = "HorizontalPodAutoscalerCondition",
    DOC("One aspect of how an autoscaler is."),
    FIELDS(F(1, "type", STRING, REQUIRED, DOC("AbleToScale, ScalingActive, ScalingLimited.")),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),
             DOC("True, False or Unknown.")),
           F(3, "lastTransitionTime", TIME, DOC("When the status last became another.")),
           F(4, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(5, "message", STRING, DOC("Why, for people."))),
};

static const struct schema_type type_autoscaler_status = {
    .name = "HorizontalPodAutoscalerStatus",
    DOC("What an autoscaler does."),
    FIELDS(F(1, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("The metadata.generation that this was said of.")),
           F(2, "lastScaleTime", TIME, DOC("When it last changed the number.")),
           F(3, "currentReplicas", INT32, RULE(not_negative), DOC("How many pods there are.")),
           F(4, "desiredReplicas", INT32, DEF("0"), RULE(not_negative),
             DOC("How many there are to be.")),
           F(5, "currentMetrics", LIST(OBJECT(type_metric_status)), DOC("What the metrics are.")),
           F(6, "conditions", LIST(OBJECT(type_autoscaler_condition)), UNIQUE_BY("type"),
             DOC("One entry an aspect."))),
};

static const struct schema_type type_autoscaler = {
    .name = "HorizontalPodAutoscaler",
    DOC("Changes how many pods there are by what they have to do."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_autoscaler_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_autoscaler_status), DOC("What it does."))),
};

CELL(cell_reference)
{
    (void)now_wall_ns;
    const struct value *ref = value_path(object, "spec", "scaleTargetRef", NULL);
    const char *kind = value_get_str(ref, "kind"), *name = value_get_str(ref, "name");
    buf_addf(ret, "%s/%s", kind ? kind : "", name ? name : "");
}

CELL(cell_targets)
{
    (void)now_wall_ns;
    metrics_print(value_path(object, "spec", "metrics", NULL),
                  value_path(object, "status", "currentMetrics", NULL), ret);
}

/* The same of one in the form of autoscaling/v1. */
CELL(cell_targets_v1)
{
    cleanup(value_free) struct value *copy = value_copy(object);
    autoscaler_from_v1(copy);
    cell_targets(copy, now_wall_ns, ret);
}

#define AUTOSCALER(targets_)                                                                       \
    .group = "autoscaling", .kind = "HorizontalPodAutoscaler",                                     \
    .plural = "horizontalpodautoscalers", .singular = "horizontalpodautoscaler",                   \
    .short_names = NAMES("hpa"), .namespaced = true,                                               \
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT, .name = format_dns1123_subdomain,             \
    CATEGORIES("all"),                                                                             \
    COLUMNS({"Name", "string", .path = "metadata.name"},                                           \
            {"Reference", "string", .cell = cell_reference},                                       \
            {"Targets", "string", .cell = targets_},                                               \
            {"MinPods", "string", .path = "spec.minReplicas", .none = "<unset>"},                  \
            {"MaxPods", "string", .path = "spec.maxReplicas", .none = "0"},                        \
            {"Replicas", "string", .path = "status.currentReplicas", .none = "0"},                 \
            {"Age", "date", .path = "metadata.creationTimestamp"})

const struct schema_kind kind_horizontal_pod_autoscaler = {
    AUTOSCALER(cell_targets),
    .version = "v2",
    .type = &type_autoscaler,
    PROTO("k8s.io.api.autoscaling.v2.HorizontalPodAutoscaler"),
};

const struct schema_kind kind_horizontal_pod_autoscaler_v1 = {
    AUTOSCALER(cell_targets_v1),
    .version = "v1",
    .type = &type_autoscaler_v1,
    .stored = &kind_horizontal_pod_autoscaler,
    .to_stored = autoscaler_from_v1,
    .from_stored = autoscaler_to_v1,
    PROTO("k8s.io.api.autoscaling.v1.HorizontalPodAutoscaler"),
};
