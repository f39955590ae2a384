/* policy/v1 PodDisruptionBudget, and v1beta1, which kubectl 1.20 still speaks. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    if (value_type(value_get(spec, "minAvailable")) != VALUE_NULL &&
        value_type(value_get(spec, "maxUnavailable")) != VALUE_NULL)
        schema_mistake(walk, spec, "", CAUSE_INVALID,
                       "minAvailable and maxUnavailable cannot be both set");
}

static const struct schema_type type_pod_disruption_budget_spec = {
    .name = "PodDisruptionBudgetSpec",
    DOC("How many pods may be evicted."),
    .check = check_spec,
    FIELDS(F(1, "minAvailable", INT_OR_STRING, RULE(share_of_all),
             DOC("So many must stay: a number or a share, rounded up.")),
           F(2, "selector", OBJECT(type_label_selector), ATOMIC,
             DOC("Which pods; an empty one is all of the namespace, none is none.")),
           F(3, "maxUnavailable", INT_OR_STRING, RULE(share_of_all),
             DOC("So many may be missing: a number or a share, rounded up.")),
           F(4, "unhealthyPodEvictionPolicy", STRING, ONE_OF("IfHealthyBudget", "AlwaysAllow"),
             DOC("Whether pods that are not ready may always be evicted."))),
};

static const struct schema_type type_pod_disruption_budget_status = {
    .name = "PodDisruptionBudgetStatus",
    DOC("How many pods may be evicted now."),
    FIELDS(F(1, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("The metadata.generation that this was said of.")),
           F(2, "disruptedPods", MAP(TIME),
             DOC("Pods that are being evicted, by name, and since when.")),
           F(3, "disruptionsAllowed", INT32, DEF("0"), RULE(not_negative),
             DOC("How many pods may be evicted now.")),
           F(4, "currentHealthy", INT32, DEF("0"), RULE(not_negative),
             DOC("How many pods are healthy.")),
           F(5, "desiredHealthy", INT32, DEF("0"), RULE(not_negative),
             DOC("How many must stay healthy.")),
           F(6, "expectedPods", INT32, DEF("0"), RULE(not_negative),
             DOC("How many pods there are to be.")),
           F(7, "conditions", LIST(OBJECT(type_condition)), UNIQUE_BY("type"),
             DOC("One entry an aspect: DisruptionAllowed."))),
};

static const struct schema_type type_pod_disruption_budget = {
    .name = "PodDisruptionBudget",
    DOC("How many of some pods may be missing because somebody wants it so."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_pod_disruption_budget_spec), DEF("{}"), DOC("What is wanted.")),
        F(3, "status", OBJECT(type_pod_disruption_budget_status), DOC("How it is."))),
};

#define POD_DISRUPTION_BUDGET                                                                      \
    .group = "policy", .kind = "PodDisruptionBudget", .plural = "poddisruptionbudgets",            \
    .singular = "poddisruptionbudget", .short_names = NAMES("pdb"), .namespaced = true,            \
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT, .type = &type_pod_disruption_budget,          \
    .name = format_dns1123_subdomain,                                                              \
    COLUMNS({"Name", "string", .path = "metadata.name"},                                           \
            {"Min Available", "string", .path = "spec.minAvailable", .none = "N/A"},               \
            {"Max Unavailable", "string", .path = "spec.maxUnavailable", .none = "N/A"},           \
            {"Allowed Disruptions", "integer", .path = "status.disruptionsAllowed", .none = "0"},  \
            {"Age", "date", .path = "metadata.creationTimestamp"})

const struct schema_kind kind_pod_disruption_budget = {
    POD_DISRUPTION_BUDGET,
    .version = "v1",
    PROTO("k8s.io.api.policy.v1.PodDisruptionBudget"),
};

const struct schema_kind kind_pod_disruption_budget_v1beta1 = {
    POD_DISRUPTION_BUDGET,
    .version = "v1beta1",
    .stored = &kind_pod_disruption_budget,
    PROTO("k8s.io.api.policy.v1beta1.PodDisruptionBudget"),
};
