/* apps/v1 DaemonSet. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"

/* By default one may be missing, and there is none beyond what is wanted. */
static void check_rolling_update(const struct value *update, struct schema_walk *walk)
{
    const struct value *unavailable = value_get(update, "maxUnavailable");
    const struct value *surge = value_get(update, "maxSurge");
    bool none_missing = workload_is_zero(unavailable, false);
    bool none_beyond = workload_is_zero(surge, true);
    if (none_missing && none_beyond)
        schema_mistake(walk, unavailable, "maxUnavailable", CAUSE_REQUIRED,
                       "cannot be 0 when maxSurge is 0");
    if (!none_missing && !none_beyond)
        schema_mistake(walk, surge, "maxSurge", CAUSE_INVALID,
                       "may not be set when maxUnavailable is non-zero");
}

static const struct schema_type type_rolling_update_daemon_set = {
    .name = "RollingUpdateDaemonSet",
    DOC("How many nodes may go without, or have two, while pods are replaced."),
    .check = check_rolling_update,
    FIELDS(F(1, "maxUnavailable", INT_OR_STRING, DEF("1"), RULE(share_of_all),
             DOC("Nodes whose pod may be missing: a number or a share, rounded up.")),
           F(2, "maxSurge", INT_OR_STRING, DEF("0"), RULE(share_of_all),
             DOC("Nodes that may have the old pod and the new: a number or a share, rounded up."))),
};

static void fill_strategy(struct value *strategy)
{
    if (str_eq(value_get_str(strategy, "type"), "RollingUpdate"))
        schema_default_type(&type_rolling_update_daemon_set,
                            value_make_map(strategy, "rollingUpdate", NULL));
}

static const struct schema_type type_daemon_set_update_strategy = {
    .name = "DaemonSetUpdateStrategy",
    DOC("How pods of an older template are replaced."),
    .fill = fill_strategy,
    FIELDS(F(1, "type", STRING, DEF("RollingUpdate"), ONE_OF("RollingUpdate", "OnDelete"),
             DOC("RollingUpdate: some at a time; OnDelete: when somebody deletes them.")),
           F(2, "rollingUpdate", OBJECT(type_rolling_update_daemon_set),
             DOC("Only with type RollingUpdate."))),
};

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    workload_check(spec, "daemonset", walk);
}

static const struct schema_type type_daemon_set_spec = {
    .name = "DaemonSetSpec",
    DOC("Which pod each node is to have."),
    .check = check_spec,
    FIELDS(F(1, "selector", OBJECT(type_label_selector),
             .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
             DOC("Which pods are its own; must fit the template's labels. Stays as it is.")),
           F(2, "template", OBJECT(type_pod_template_spec), REQUIRED,
             DOC("The pod of each node; its nodeSelector and affinity say which nodes.")),
           F(3, "updateStrategy", OBJECT(type_daemon_set_update_strategy), DEF("{}"),
             DOC("How pods of an older template are replaced.")),
           F(4, "minReadySeconds", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("How long a new pod is ready before it counts as available.")),
           F(6, "revisionHistoryLimit", INT32, DEF("10"), RULE(not_negative),
             DOC("How many old templates are kept to go back to."))),
};

static const struct schema_type type_daemon_set_condition = {
    .name = "DaemonSetCondition",
    DOC("One aspect of how a DaemonSet is."),
    WORKLOAD_CONDITION,
};

static const struct schema_type type_daemon_set_status = {
    .name = "DaemonSetStatus",
    DOC("Which nodes have their pod."),
    FIELDS(
        F(1, "currentNumberScheduled", INT32, DEF("0"), RULE(not_negative),
          DOC("Nodes that have a pod and are to have one.")),
        F(2, "numberMisscheduled", INT32, DEF("0"), RULE(not_negative),
          DOC("Nodes that have a pod and are not to have one.")),
        F(3, "desiredNumberScheduled", INT32, DEF("0"), RULE(not_negative),
          DOC("Nodes that are to have a pod.")),
        F(4, "numberReady", INT32, DEF("0"), RULE(not_negative), DOC("Nodes whose pod is ready.")),
        F(5, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
          DOC("The metadata.generation that this was said of.")),
        F(6, "updatedNumberScheduled", INT32, OMIT_ZERO, RULE(not_negative),
          DOC("Nodes whose pod is of the current template.")),
        F(7, "numberAvailable", INT32, OMIT_ZERO, RULE(not_negative),
          DOC("Nodes whose pod has been ready for minReadySeconds.")),
        F(8, "numberUnavailable", INT32, OMIT_ZERO, RULE(not_negative),
          DOC("Nodes that are to have a pod and have none that is available.")),
        F(9, "collisionCount", INT32, RULE(not_negative),
          DOC("How often the name of a new ControllerRevision was taken.")),
        F(10, "conditions", LIST(OBJECT(type_daemon_set_condition)), UNIQUE_BY("type"),
          DOC("One entry an aspect."))),
};

static const struct schema_type type_daemon_set = {
    .name = "DaemonSet",
    DOC("One pod on every node, or on every node of a sort."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_daemon_set_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_daemon_set_status), DOC("How far it is."))),
};

CELL(cell_node_selector)
{
    (void)now_wall_ns;
    labels_print(value_path(object, "spec", "template", "spec", "nodeSelector", NULL), ret);
}

TEMPLATE_CELLS("spec", "template")
SELECTOR_CELL(cell_selector, "spec", "selector")

const struct schema_kind kind_daemon_set = {
    .group = "apps",
    .version = "v1",
    .kind = "DaemonSet",
    .plural = "daemonsets",
    .singular = "daemonset",
    .short_names = NAMES("ds"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT,
    .type = &type_daemon_set,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.apps.v1.DaemonSet"),
    CATEGORIES("all"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Desired", "integer", .path = "status.desiredNumberScheduled", .none = "0"},
            {"Current", "integer", .path = "status.currentNumberScheduled", .none = "0"},
            {"Ready", "integer", .path = "status.numberReady", .none = "0"},
            {"Up-to-date", "integer", .path = "status.updatedNumberScheduled", .none = "0"},
            {"Available", "integer", .path = "status.numberAvailable", .none = "0"},
            {"Node Selector", "string", .cell = cell_node_selector},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"Containers", "string", 1, .cell = cell_containers},
            {"Images", "string", 1, .cell = cell_images},
            {"Selector", "string", 1, .cell = cell_selector}),
};
