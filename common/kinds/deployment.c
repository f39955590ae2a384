/* apps/v1 Deployment. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"

static void check_rolling_update(const struct value *update, struct schema_walk *walk)
{
    const struct value *unavailable = value_get(update, "maxUnavailable");
    if (workload_is_zero(unavailable, false) &&
        workload_is_zero(value_get(update, "maxSurge"), false))
        schema_mistake(walk, unavailable, "maxUnavailable", CAUSE_INVALID,
                       "may not be 0 when `maxSurge` is 0");
}

static const struct schema_type type_rolling_update_deployment = {
    .name = "RollingUpdateDeployment",
    DOC("How many pods may be too few and too many while they are replaced."),
    .check = check_rolling_update,
    FIELDS(F(1, "maxUnavailable", INT_OR_STRING, DEF("25%"), RULE(share_of_all),
             DOC("Pods that may be missing: a number, or a share of replicas, rounded down.")),
           F(2, "maxSurge", INT_OR_STRING, DEF("25%"), RULE(share),
             DOC("Pods beyond replicas: a number, or a share of replicas, rounded up."))),
};

static void check_strategy(const struct value *strategy, struct schema_walk *walk)
{
    const struct value *update = value_get(strategy, "rollingUpdate");
    if (str_eq(value_get_str(strategy, "type"), "Recreate") && value_type(update) != VALUE_NULL)
        schema_mistake(walk, update, "rollingUpdate", CAUSE_FORBIDDEN,
                       "may not be specified when strategy `type` is 'Recreate'");
}

static void fill_strategy(struct value *strategy)
{
    if (str_eq(value_get_str(strategy, "type"), "RollingUpdate"))
        schema_default_type(&type_rolling_update_deployment,
                            value_make_map(strategy, "rollingUpdate", NULL));
}

static const struct schema_type type_deployment_strategy = {
    .name = "DeploymentStrategy",
    DOC("How pods of an older template are replaced."),
    .check = check_strategy,
    .fill = fill_strategy,
    FIELDS(F(1, "type", STRING, DEF("RollingUpdate"), ONE_OF("Recreate", "RollingUpdate"),
             DOC("RollingUpdate: some at a time; Recreate: all old ones end first.")),
           F(2, "rollingUpdate", OBJECT(type_rolling_update_deployment),
             DOC("Only with type RollingUpdate."))),
};

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    const struct value *deadline = value_get(spec, "progressDeadlineSeconds");
    workload_check(spec, "deployment", walk);
    if (value_int(deadline, 600) <= value_get_int(spec, "minReadySeconds", 0))
        schema_mistake(walk, deadline, "progressDeadlineSeconds", CAUSE_INVALID,
                       "must be greater than minReadySeconds");
}

static const struct schema_type type_deployment_spec = {
    .name = "DeploymentSpec",
    DOC("Which pods there are to be, how many, and how they are replaced."),
    .check = check_spec,
    FIELDS(
        F(1, "replicas", INT32, DEF("1"), RULE(not_negative), DOC("How many pods.")),
        F(2, "selector", OBJECT(type_label_selector), .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
          DOC("Which pods are its own; must fit the template's labels. Stays as it is.")),
        F(3, "template", OBJECT(type_pod_template_spec), REQUIRED,
          DOC("The pods to be made; a change of it is rolled out.")),
        F(4, "strategy", OBJECT(type_deployment_strategy), DEF("{}"), .flags = SCHEMA_RETAIN_KEYS,
          DOC("How pods of an older template are replaced.")),
        F(5, "minReadySeconds", INT32, OMIT_ZERO, RULE(not_negative),
          DOC("How long a new pod is ready before it counts as available.")),
        F(6, "revisionHistoryLimit", INT32, DEF("10"), RULE(not_negative),
          DOC("How many old ReplicaSets are kept to go back to.")),
        F(7, "paused", BOOL, OMIT_ZERO, DOC("Changes of the template are not rolled out for now.")),
        F(9, "progressDeadlineSeconds", INT32, DEF("600"), RULE(not_negative),
          DOC("After so long without progress the rollout has failed."))),
};

static const struct schema_type type_deployment_condition = {
    .name = "DeploymentCondition",
    DOC("One aspect of how a Deployment is."),
    FIELDS(F(1, "type", STRING, REQUIRED, DOC("Available, Progressing or ReplicaFailure.")),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),
             DOC("True, False or Unknown.")),
           F(6, "lastUpdateTime", TIME, DOC("When this was last said.")),
           F(7, "lastTransitionTime", TIME, DOC("When the status last became another.")),
           F(4, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(5, "message", STRING, DOC("Why, for people."))),
};

static void check_status(const struct value *status, struct schema_walk *walk)
{
    static const char *const pairs[][2] = {{"updatedReplicas", "replicas"},
                                           {"readyReplicas", "replicas"},
                                           {"availableReplicas", "replicas"},
                                           {"availableReplicas", "readyReplicas"},
                                           {NULL, NULL}};
    workload_check_counts(status, pairs, walk);
}

static const struct schema_type type_deployment_status = {
    .name = "DeploymentStatus",
    DOC("How far a Deployment is."),
    .check = check_status,
    FIELDS(F(1, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("The metadata.generation that this was said of.")),
           F(2, "replicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods of its own, of any template.")),
           F(3, "updatedReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods of the current template.")),
           F(7, "readyReplicas", INT32, OMIT_ZERO, RULE(not_negative), DOC("Pods that are ready.")),
           F(4, "availableReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods that have been ready for minReadySeconds.")),
           F(5, "unavailableReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods that are missing or not available yet.")),
           F(9, "terminatingReplicas", INT32, RULE(not_negative), DOC("Pods that are ending.")),
           F(6, "conditions", LIST(OBJECT(type_deployment_condition)), UNIQUE_BY("type"),
             DOC("One entry an aspect.")),
           F(8, "collisionCount", INT32, RULE(not_negative),
             DOC("How often the name of a new ReplicaSet was taken."))),
};

static const struct schema_type type_deployment = {
    .name = "Deployment",
    DOC("A number of equal pods, replaced step by step when their template changes."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_deployment_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_deployment_status), DOC("How far it is."))),
};

CELL(cell_ready)
{
    (void)now_wall_ns;
    workload_print_ready(object, ret);
}

TEMPLATE_CELLS("spec", "template")
SELECTOR_CELL(cell_selector, "spec", "selector")

const struct schema_kind kind_deployment = {
    .group = "apps",
    .version = "v1",
    .kind = "Deployment",
    .plural = "deployments",
    .singular = "deployment",
    .short_names = NAMES("deploy"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT,
    .type = &type_deployment,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.apps.v1.Deployment"),
    CATEGORIES("all"),
    SCALE(.spec_replicas = "spec.replicas", .status_replicas = "status.replicas",
          .selector = "spec.selector"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Ready", "string", .cell = cell_ready},
            {"Up-to-date", "string", .path = "status.updatedReplicas", .none = "0"},
            {"Available", "string", .path = "status.availableReplicas", .none = "0"},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"Containers", "string", 1, .cell = cell_containers},
            {"Images", "string", 1, .cell = cell_images},
            {"Selector", "string", 1, .cell = cell_selector}),
};
