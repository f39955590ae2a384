/* core/v1 ReplicationController: what ReplicaSets were before. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"

/* Its selector is a map of labels, by default the template's. */
static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    const struct value *selector = value_get(spec, "selector");
    const struct value *template = value_get(spec, "template");
    const struct value *labels = value_path(template, "metadata", "labels", NULL);
    if (value_type(template) == VALUE_MAP) {
        if (value_len(selector) == 0 && value_len(labels) == 0)
            schema_mistake(walk, selector, "selector", CAUSE_REQUIRED, "required");
        else if (!labels_have(labels, selector))
            schema_mistake(walk, labels ? labels : template, "template.metadata.labels",
                           CAUSE_INVALID, "`selector` does not match template `labels`");
    }
    workload_check_template(spec, "replicationcontroller", walk);
}

static const struct schema_type type_replication_controller_spec = {
    .name = "ReplicationControllerSpec",
    DOC("Which pods there are to be, and how many."),
    .check = check_spec,
    FIELDS(F(1, "replicas", INT32, DEF("1"), RULE(not_negative), DOC("How many pods.")),
           F(4, "minReadySeconds", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("How long a new pod is ready before it counts as available.")),
           F(2, "selector", MAP(STRING), WHOLE, RULE(label_value), KEYS(format_qualified_name),
             DOC("Labels of the pods that are its own; the template's if there are none.")),
           F(3, "template", OBJECT(type_pod_template_spec), REQUIRED,
             DOC("The pods to be made where some are missing."))),
};

static const struct schema_type type_replication_controller_condition = {
    .name = "ReplicationControllerCondition",
    DOC("One aspect of how a ReplicationController is."),
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

static const struct schema_type type_replication_controller_status = {
    .name = "ReplicationControllerStatus",
    DOC("Which pods there are."),
    .check = check_status,
    FIELDS(F(1, "replicas", INT32, DEF("0"), RULE(not_negative), DOC("Pods of its own.")),
           F(2, "fullyLabeledReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods that have all the template's labels.")),
           F(4, "readyReplicas", INT32, OMIT_ZERO, RULE(not_negative), DOC("Pods that are ready.")),
           F(5, "availableReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods that have been ready for minReadySeconds.")),
           F(3, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("The metadata.generation that this was said of.")),
           F(6, "conditions", LIST(OBJECT(type_replication_controller_condition)),
             UNIQUE_BY("type"), DOC("One entry an aspect."))),
};

static void fill(struct value *object)
{
    struct value *spec = value_get(object, "spec");
    const struct value *labels = value_path(spec, "template", "metadata", "labels", NULL);
    if (value_len(labels) == 0)
        return;
    if (value_len(value_get(spec, "selector")) == 0)
        value_set(spec, "selector", value_copy(labels));
    if (value_len(value_path(object, "metadata", "labels", NULL)) == 0)
        value_set(value_make_map(object, "metadata", NULL), "labels", value_copy(labels));
}

static const struct schema_type type_replication_controller = {
    .name = "ReplicationController",
    DOC("A number of equal pods, as they were kept before there were ReplicaSets."),
    .fill = fill,
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_replication_controller_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_replication_controller_status), DOC("How far it is."))),
};

TEMPLATE_CELLS("spec", "template")

CELL(cell_selector)
{
    (void)now_wall_ns;
    labels_print(value_path(object, "spec", "selector", NULL), ret);
}

const struct schema_kind kind_replication_controller = {
    .group = "",
    .version = "v1",
    .kind = "ReplicationController",
    .plural = "replicationcontrollers",
    .singular = "replicationcontroller",
    .short_names = NAMES("rc"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT,
    .type = &type_replication_controller,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.core.v1.ReplicationController"),
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
