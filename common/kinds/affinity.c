/* What decides where a pod may run. */

#include "common/base/str.h"
#include "common/kinds/types.h"

static void check_toleration(const struct value *toleration, struct schema_walk *walk)
{
    const struct value *value = value_get(toleration, "value");
    const char *op = value_get_str(toleration, "operator");
    bool exists = str_eq(op, "Exists");
    if (str_empty(value_get_str(toleration, "key")) && !exists)
        schema_mistake(walk, value_get(toleration, "operator"), "operator", CAUSE_INVALID,
                       "must be Exists where there is no key");
    if (exists && !str_empty(value_str(value)))
        schema_mistake(walk, value, "value", CAUSE_INVALID, "not with operator Exists");
    const struct value *seconds = value_get(toleration, "tolerationSeconds");
    const char *effect = value_get_str(toleration, "effect");
    if (value_type(seconds) != VALUE_NULL && !str_eq(effect, "NoExecute"))
        schema_mistake(walk, value_get(toleration, "effect"), "effect", CAUSE_INVALID,
                       "must be NoExecute with tolerationSeconds");
}

const struct schema_type type_toleration = {
    .name = "Toleration",
    DOC("A taint of nodes that the pod does not mind."),
    .check = check_toleration,
    FIELDS(F(1, "key", STRING, RULE(qualified_name)),
           F(2, "operator", STRING, ONE_OF("Exists", "Equal")),
           F(3, "value", STRING, RULE(label_value)),
           F(4, "effect", STRING, ONE_OF("NoSchedule", "PreferNoSchedule", "NoExecute")),
           F(5, "tolerationSeconds", INT64)),
};

static const struct schema_type type_node_selector_requirement = {
    .name = "NodeSelectorRequirement",
    FIELDS(F(1, "key", STRING, REQUIRED, RULE(qualified_name)),
           F(2, "operator", STRING, REQUIRED,
             ONE_OF("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")),
           F(3, "values", LIST(STRING))),
};

static const struct schema_type type_node_selector_term = {
    .name = "NodeSelectorTerm",
    FIELDS(F(1, "matchExpressions", LIST(OBJECT(type_node_selector_requirement))),
           F(2, "matchFields", LIST(OBJECT(type_node_selector_requirement)))),
};

static const struct schema_type type_node_selector = {
    .name = "NodeSelector",
    FIELDS(F(1, "nodeSelectorTerms", LIST(OBJECT(type_node_selector_term)), REQUIRED)),
};

static const struct schema_type type_preferred_scheduling_term = {
    .name = "PreferredSchedulingTerm",
    FIELDS(F(1, "weight", INT32, REQUIRED, RANGE(1, 100)),
           F(2, "preference", OBJECT(type_node_selector_term), REQUIRED)),
};

#define REQUIRED_NOW "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED_NOW "preferredDuringSchedulingIgnoredDuringExecution"

static const struct schema_type type_node_affinity = {
    .name = "NodeAffinity",
    FIELDS(F(1, REQUIRED_NOW, OBJECT(type_node_selector)),
           F(2, PREFERRED_NOW, LIST(OBJECT(type_preferred_scheduling_term)))),
};

static const struct schema_type type_pod_affinity_term = {
    .name = "PodAffinityTerm",
    FIELDS(F(1, "labelSelector", OBJECT(type_label_selector)),
           F(2, "namespaces", LIST(STRING), RULE(dns1123_label)),
           F(3, "topologyKey", STRING, REQUIRED, RULE(qualified_name)),
           F(4, "namespaceSelector", OBJECT(type_label_selector)),
           F(5, "matchLabelKeys", LIST(STRING)), F(6, "mismatchLabelKeys", LIST(STRING))),
};

static const struct schema_type type_weighted_pod_affinity_term = {
    .name = "WeightedPodAffinityTerm",
    FIELDS(F(1, "weight", INT32, REQUIRED, RANGE(1, 100)),
           F(2, "podAffinityTerm", OBJECT(type_pod_affinity_term), REQUIRED)),
};

static const struct schema_type type_pod_affinity = {
    .name = "PodAffinity",
    FIELDS(F(1, REQUIRED_NOW, LIST(OBJECT(type_pod_affinity_term))),
           F(2, PREFERRED_NOW, LIST(OBJECT(type_weighted_pod_affinity_term)))),
};

static const struct schema_type type_pod_anti_affinity = {
    .name = "PodAntiAffinity",
    FIELDS(F(1, REQUIRED_NOW, LIST(OBJECT(type_pod_affinity_term))),
           F(2, PREFERRED_NOW, LIST(OBJECT(type_weighted_pod_affinity_term)))),
};

const struct schema_type type_affinity = {
    .name = "Affinity",
    FIELDS(F(1, "nodeAffinity", OBJECT(type_node_affinity)),
           F(2, "podAffinity", OBJECT(type_pod_affinity)),
           F(3, "podAntiAffinity", OBJECT(type_pod_anti_affinity))),
};

const struct schema_type type_topology_spread_constraint = {
    .name = "TopologySpreadConstraint",
    FIELDS(F(1, "maxSkew", INT32, REQUIRED, RULE(positive)),
           F(2, "topologyKey", STRING, REQUIRED, RULE(qualified_name)),
           F(3, "whenUnsatisfiable", STRING, REQUIRED, ONE_OF("DoNotSchedule", "ScheduleAnyway")),
           F(4, "labelSelector", OBJECT(type_label_selector)),
           F(5, "minDomains", INT32, RULE(positive)),
           F(6, "nodeAffinityPolicy", STRING, ONE_OF("Honor", "Ignore")),
           F(7, "nodeTaintsPolicy", STRING, ONE_OF("Honor", "Ignore")),
           F(8, "matchLabelKeys", LIST(STRING))),
};
