/* What decides where a pod may run. */

#include "common/base/str.h"
#include "common/kinds/types.h"

#include <stdint.h>
#include <stdio.h>

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

/* How many values an operator is given. */
GATEWAY_CHECK(check_node_requirement)
{
    static const struct {
        const char *op;
        size_t least, most;
        const char *says;
    } operators[] = {
        {"In", 1, SIZE_MAX, "must be specified when `operator` is 'In' or 'NotIn'"},
        {"NotIn", 1, SIZE_MAX, "must be specified when `operator` is 'In' or 'NotIn'"},
        {"Exists", 0, 0, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"},
        {"DoesNotExist", 0, 0,
         "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"},
        {"Gt", 1, 1, "must be specified single value when `operator` is 'Lt' or 'Gt'"},
        {"Lt", 1, 1, "must be specified single value when `operator` is 'Lt' or 'Gt'"},
    };
    const struct value *values = value_get(object, "values");
    size_t len = value_len(values);
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (str_eq(value_get_str(object, "operator"), operators[i].op) &&
            (len < operators[i].least || len > operators[i].most))
            schema_mistake(walk, values, "values",
                           len > operators[i].most ? CAUSE_FORBIDDEN : CAUSE_REQUIRED, "%s",
                           operators[i].says);
}

static const struct schema_type type_node_selector_requirement = {
    .name = "NodeSelectorRequirement",
    .check = GATEWAY_ONLY(check_node_requirement),
    DOC("One demand on a label or field of a node."),
    FIELDS(
        F(1, "key", STRING, REQUIRED, RULE(qualified_name), DOC("The label or field.")),
        F(2, "operator", STRING, REQUIRED,
          ONE_OF("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
          DOC("In, NotIn, Exists, DoesNotExist, Gt or Lt.")),
        F(3, "values", LIST(STRING), DOC("What it is compared with: one number for Gt and Lt."))),
};

/* The one field that can be asked for is the name, and of one value. */
GATEWAY_CHECK(check_node_term)
{
    const struct value *fields = value_get(object, "matchFields");
    for (size_t i = 0; i < value_len(fields); i++) {
        const struct value *one = value_at(fields, i), *values = value_get(one, "values");
        const char *key = value_get_str(one, "key"), *op = value_get_str(one, "operator");
        char sub[64];
        snprintf(sub, sizeof(sub), "matchFields[%zu].key", i);
        if (key && !str_eq(key, "metadata.name"))
            schema_mistake(walk, value_get(one, "key"), sub, CAUSE_INVALID,
                           "\"%.64s\": not a valid field selector key", key);
        snprintf(sub, sizeof(sub), "matchFields[%zu].operator", i);
        if (op && !str_eq(op, "In") && !str_eq(op, "NotIn"))
            schema_mistake(walk, value_get(one, "operator"), sub, CAUSE_INVALID,
                           "\"%.16s\": not a valid selector operator", op);
        snprintf(sub, sizeof(sub), "matchFields[%zu].values", i);
        if (value_len(values) > 1)
            schema_mistake(walk, values, sub, CAUSE_INVALID, "must have one element");
    }
}

static const struct schema_type type_node_selector_term = {
    .name = "NodeSelectorTerm",
    .whole = true,
    .check = GATEWAY_ONLY(check_node_term),
    DOC("Demands on a node, all of which must be met."),
    FIELDS(F(1, "matchExpressions", LIST(OBJECT(type_node_selector_requirement)),
             DOC("On its labels.")),
           F(2, "matchFields", LIST(OBJECT(type_node_selector_requirement)),
             DOC("On its fields: metadata.name."))),
};

const struct schema_type type_node_selector = {
    .name = "NodeSelector",
    .whole = true,
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

/* Keys of labels narrow a selector: without one there is nothing to narrow. */
GATEWAY_CHECK(check_label_keys)
{
    static const char *const lists[] = {"matchLabelKeys", "mismatchLabelKeys"};
    bool selects = value_type(value_get(object, "labelSelector")) != VALUE_NULL;
    for (size_t i = 0; i < ARRAY_LEN(lists) && !selects; i++)
        if (value_len(value_get(object, lists[i])) > 0)
            schema_mistake(walk, value_get(object, lists[i]), lists[i], CAUSE_FORBIDDEN,
                           "must not be specified when labelSelector is not set");
}

static const struct schema_type type_pod_affinity_term = {
    .name = "PodAffinityTerm",
    .check = GATEWAY_ONLY(check_label_keys),
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

GATEWAY_CHECK(check_spread)
{
    const struct value *least = value_get(object, "minDomains");
    if (value_type(least) != VALUE_NULL &&
        str_eq(value_get_str(object, "whenUnsatisfiable"), "ScheduleAnyway"))
        schema_mistake(walk, least, "minDomains", CAUSE_INVALID,
                       "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not "
                       "ScheduleAnyway");
    check_label_keys(object, walk);
}

const struct schema_type type_topology_spread_constraint = {
    .name = "TopologySpreadConstraint",
    .check = GATEWAY_ONLY(check_spread),
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
