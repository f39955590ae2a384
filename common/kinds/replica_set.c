/* apps/v1 ReplicaSet. */

#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    workload_check(spec, "replicaset", walk);
}

static const struct schema_type type_replica_set_spec = {
    .name = "ReplicaSetSpec",
    DOC("Which pods there are to be, and how many."),
    .check = check_spec,
    FIELDS(F(1, "replicas", INT32, DEF("1"), RULE(not_negative), DOC("How many pods.")),
           F(4, "minReadySeconds", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("How long a new pod is ready before it counts as available.")),
           F(2, "selector", OBJECT(type_label_selector),
             .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
             DOC("Which pods are its own; must fit the template's labels. Stays as it is.")),
           F(3, "template", OBJECT(type_pod_template_spec), REQUIRED,
             DOC("The pods to be made where some are missing."))),
};

static const struct schema_type type_replica_set_condition = {
    .name = "ReplicaSetCondition",
    DOC("One aspect of how a ReplicaSet is."),
    WORKLOAD_CONDITION,
};

static void check_status(const struct value *status, struct schema_walk *walk)
{
    static const char *const pairs[][2] = {{"fullyLabeledReplicas", "replicas"},
                                           {"readyReplicas", "replicas"},
                                           {"availableReplicas", "replicas"},
                                           {"availableReplicas", "readyReplicas"},
                                           {NULL, NULL}};
    workload_check_counts(status, pairs, walk);
}

static const struct schema_type type_replica_set_status = {
    .name = "ReplicaSetStatus",
    DOC("Which pods there are."),
    .check = check_status,
    FIELDS(F(1, "replicas", INT32, DEF("0"), RULE(not_negative), DOC("Pods of its own.")),
           F(2, "fullyLabeledReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods that have all the template's labels.")),
           F(4, "readyReplicas", INT32, OMIT_ZERO, RULE(not_negative), DOC("Pods that are ready.")),
           F(5, "availableReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods that have been ready for minReadySeconds.")),
           F(7, "terminatingReplicas", INT32, RULE(not_negative), DOC("Pods that are ending.")),
           F(3, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("The metadata.generation that this was said of.")),
           F(6, "conditions", LIST(OBJECT(type_replica_set_condition)), UNIQUE_BY("type"),
             DOC("One entry an aspect."))),
};

static const struct schema_type type_replica_set = {
    .name = "ReplicaSet",
    DOC("A number of equal pods. Mostly made by a Deployment, one for each of its templates."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_replica_set_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_replica_set_status), DOC("How far it is."))),
};

TEMPLATE_CELLS("spec", "template")
SELECTOR_CELL(cell_selector, "spec", "selector")

const struct schema_kind kind_replica_set = {
    .group = "apps",
    .version = "v1",
    .kind = "ReplicaSet",
    .plural = "replicasets",
    .singular = "replicaset",
    .short_names = NAMES("rs"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT,
    .type = &type_replica_set,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.apps.v1.ReplicaSet"),
    CATEGORIES("all"),
    SCALE(.spec_replicas = "spec.replicas", .status_replicas = "status.replicas",
          .selector = "spec.selector"),
    SELECTABLE({"status.replicas", .none = "0"}),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Desired", "integer", .path = "spec.replicas", .none = "0"},
            {"Current", "integer", .path = "status.replicas", .none = "0"},
            {"Ready", "integer", .path = "status.readyReplicas", .none = "0"},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"Containers", "string", 1, .cell = cell_containers},
            {"Images", "string", 1, .cell = cell_images},
            {"Selector", "string", 1, .cell = cell_selector}),
};
