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
    FIELDS(
        F(1, "key", STRING, RULE(qualified_name),
          DOC("The taint's key; any if not given, with operator Exists.")),
        F(2, "operator", STRING, ONE_OF("Exists", "Equal"),
          DOC("Equal to the taint's value, or Exists whatever its value is; Equal if not given.")),
        F(3, "value", STRING, RULE(label_value), DOC("The taint's value.")),
        F(4, "effect", STRING, ONE_OF("NoSchedule", "PreferNoSchedule", "NoExecute"),
          DOC("The taint's effect; any if not given.")),
        F(5, "tolerationSeconds", INT64, INERT,
          DOC("How long a taint of NoExecute is borne; for ever if not given."))),
};

static const struct schema_type type_node_selector_requirement = {
    .name = "NodeSelectorRequirement",
    DOC("One demand on a label or field of a node."),
    FIELDS(
        F(1, "key", STRING, REQUIRED, RULE(qualified_name), DOC("The label or field.")),
        F(2, "operator", STRING, REQUIRED,
          ONE_OF("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
          DOC("In, NotIn, Exists, DoesNotExist, Gt or Lt.")),
        F(3, "values", LIST(STRING), DOC("What it is compared with: one number for Gt and Lt."))),
};

static const struct schema_type type_node_selector_term = {
    .name = "NodeSelectorTerm",
    DOC("Demands on a node, all of which must be met."),
    FIELDS(F(1, "matchExpressions", LIST(OBJECT(type_node_selector_requirement)),
             DOC("On its labels.")),
           F(2, "matchFields", LIST(OBJECT(type_node_selector_requirement)),
             DOC("On its fields: metadata.name."))),
};

const struct schema_type type_node_selector = {
    .name = "NodeSelector",
    DOC("Nodes that meet one term at least."),
    FIELDS(F(1, "nodeSelectorTerms", LIST(OBJECT(type_node_selector_term)), REQUIRED,
             DOC("The terms."))),
};

static const struct schema_type type_preferred_scheduling_term = {
    .name = "PreferredSchedulingTerm",
    DOC("A wish for nodes, and how strong it is."),
    FIELDS(F(1, "weight", INT32, REQUIRED, RANGE(1, 100), DOC("How strong, from 1 to 100.")),
           F(2, "preference", OBJECT(type_node_selector_term), REQUIRED, DOC("Which nodes."))),
};

#define REQUIRED_NOW "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED_NOW "preferredDuringSchedulingIgnoredDuringExecution"

static const struct schema_type type_node_affinity = {
    .name = "NodeAffinity",
    DOC("Which nodes the pod must have or would like."),
    FIELDS(F(1, REQUIRED_NOW, OBJECT(type_node_selector), DOC("Must, when a node is looked for.")),
           F(2, PREFERRED_NOW, LIST(OBJECT(type_preferred_scheduling_term)), INERT,
             DOC("Would like, when a node is looked for."))),
};

static const struct schema_type type_pod_affinity_term = {
    .name = "PodAffinityTerm",
    DOC("Pods, and what counts as being where they are."),
    FIELDS(F(1, "labelSelector", OBJECT(type_label_selector), DOC("Which pods.")),
           F(2, "namespaces", LIST(STRING), RULE(dns1123_label),
             DOC("Of which namespaces; the pod's own if nothing is said.")),
           F(3, "topologyKey", STRING, REQUIRED, RULE(qualified_name),
             DOC("The node label whose value is the place: kubernetes.io/hostname.")),
           F(4, "namespaceSelector", OBJECT(type_label_selector),
             DOC("Of namespaces with which labels.")),
           F(5, "matchLabelKeys", LIST(STRING),
             DOC("Labels that they must have with the pod's own values.")),
           F(6, "mismatchLabelKeys", LIST(STRING),
             DOC("Labels that they must have with other values than the pod."))),
};

static const struct schema_type type_weighted_pod_affinity_term = {
    .name = "WeightedPodAffinityTerm",
    DOC("A wish for neighbours, and how strong it is."),
    FIELDS(F(1, "weight", INT32, REQUIRED, RANGE(1, 100), DOC("How strong, from 1 to 100.")),
           F(2, "podAffinityTerm", OBJECT(type_pod_affinity_term), REQUIRED,
             DOC("Which pods and what place."))),
};

static const struct schema_type type_pod_affinity = {
    .name = "PodAffinity",
    DOC("Pods that it must be or would like to be near."),
    FIELDS(F(1, REQUIRED_NOW, LIST(OBJECT(type_pod_affinity_term)),
             DOC("Must, when a node is looked for.")),
           F(2, PREFERRED_NOW, LIST(OBJECT(type_weighted_pod_affinity_term)),
             DOC("Would like, when a node is looked for."))),
};

static const struct schema_type type_pod_anti_affinity = {
    .name = "PodAntiAffinity",
    DOC("Pods that it must not be or would rather not be near."),
    FIELDS(F(1, REQUIRED_NOW, LIST(OBJECT(type_pod_affinity_term)),
             DOC("Must not, when a node is looked for.")),
           F(2, PREFERRED_NOW, LIST(OBJECT(type_weighted_pod_affinity_term)),
             DOC("Would rather not, when a node is looked for."))),
};

const struct schema_type type_affinity = {
    .name = "Affinity",
    DOC("Where the pod must run or would like to."),
    FIELDS(F(1, "nodeAffinity", OBJECT(type_node_affinity), DOC("On which nodes.")),
           F(2, "podAffinity", OBJECT(type_pod_affinity), INERT, DOC("Near which pods.")),
           F(3, "podAntiAffinity", OBJECT(type_pod_anti_affinity), INERT,
             DOC("Away from which pods."))),
};

const struct schema_type type_topology_spread_constraint = {
    .name = "TopologySpreadConstraint",
    DOC("How evenly pods are spread over places."),
    FIELDS(
        F(1, "maxSkew", INT32, REQUIRED, RULE(positive),
          DOC("By how many the fullest place may exceed the emptiest.")),
        F(2, "topologyKey", STRING, REQUIRED, RULE(qualified_name),
          DOC("The node label whose value is the place.")),
        F(3, "whenUnsatisfiable", STRING, REQUIRED, ONE_OF("DoNotSchedule", "ScheduleAnyway"),
          DOC("DoNotSchedule, or ScheduleAnyway as evenly as can be.")),
        F(4, "labelSelector", OBJECT(type_label_selector), DOC("Which pods are counted.")),
        F(5, "minDomains", INT32, RULE(positive),
          DOC("How many places there must be at least; of fewer the emptiest counts as 0.")),
        F(6, "nodeAffinityPolicy", STRING, ONE_OF("Honor", "Ignore"),
          DOC("Whether nodes that the pod's affinity shuts out count: Honor for no, or Ignore.")),
        F(7, "nodeTaintsPolicy", STRING, ONE_OF("Honor", "Ignore"),
          DOC("Whether nodes that taints shut out count: Honor for no, or Ignore.")),
        F(8, "matchLabelKeys", LIST(STRING),
          DOC("Labels that counted pods must have with the pod's own values."))),
};
