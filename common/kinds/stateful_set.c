/* apps/v1 StatefulSet. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"

/* A PodTemplateSpec whose containers may mount the claims that each pod comes with: what they mount
 * is checked where both are seen (check_spec). */
static const struct schema_type type_claiming_template = {
    .name = "PodTemplateSpec",
    DOC("What the pods that are made of it look like."),
    .check = pod_template_check,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta),
             DOC("The labels and annotations that the pods get.")),
           F(2, "spec", OBJECT(type_pod_spec), REQUIRED, DOC("What the pods are to be."))),
};

/* A whole PersistentVolumeClaim: it says so itself. */
static const struct schema_type type_claim_template = {
    .name = "PersistentVolumeClaim",
    DOC("A claim that is made for each pod and stays its own."),
    FIELDS(
        F(0, "apiVersion", STRING, DEF("v1"), ONE_OF("v1"), DOC("v1.")),
        F(0, "kind", STRING, DEF("PersistentVolumeClaim"), ONE_OF("PersistentVolumeClaim"),
          DOC("PersistentVolumeClaim.")),
        F(1, "metadata", OBJECT(type_object_meta),
          DOC("Its name, which volumeMounts give, its labels and annotations.")),
        F(2, "spec", OBJECT(type_persistent_volume_claim_spec), REQUIRED, DOC("What it asks for.")),
        F(3, "status", OBJECT(type_persistent_volume_claim_status), DEF("{}"),
          DOC("Of no meaning here."))),
};

static const struct schema_type type_rolling_update_stateful_set = {
    .name = "RollingUpdateStatefulSetStrategy",
    DOC("Which pods are replaced, and how many at a time."),
    FIELDS(F(1, "partition", INT32, DEF("0"), RULE(not_negative),
             DOC("Pods below that number keep the older template.")),
           F(2, "maxUnavailable", INT_OR_STRING, RULE(share_of_all),
             DOC("Pods that may be missing: a number or a share, rounded up; 1 if not given."))),
};

static void check_strategy(const struct value *strategy, struct schema_walk *walk)
{
    const struct value *update = value_get(strategy, "rollingUpdate");
    if (str_eq(value_get_str(strategy, "type"), "OnDelete") && value_type(update) != VALUE_NULL)
        schema_mistake(walk, update, "rollingUpdate", CAUSE_INVALID,
                       "only allowed for updateStrategy 'RollingUpdate'");
    if (workload_is_zero(value_get(update, "maxUnavailable"), false))
        schema_mistake(walk, value_get(update, "maxUnavailable"), "rollingUpdate.maxUnavailable",
                       CAUSE_INVALID, "cannot be 0");
}

static void fill_strategy(struct value *strategy)
{
    if (str_eq(value_get_str(strategy, "type"), "RollingUpdate"))
        schema_default_type(&type_rolling_update_stateful_set,
                            value_make_map(strategy, "rollingUpdate", NULL));
}

static const struct schema_type type_stateful_set_update_strategy = {
    .name = "StatefulSetUpdateStrategy",
    DOC("How pods of an older template are replaced."),
    .check = check_strategy,
    .fill = fill_strategy,
    FIELDS(
        F(1, "type", STRING, DEF("RollingUpdate"), ONE_OF("RollingUpdate", "OnDelete"),
          DOC("RollingUpdate: from the last to the first; OnDelete: when somebody deletes them.")),
        F(2, "rollingUpdate", OBJECT(type_rolling_update_stateful_set),
          DOC("Only with type RollingUpdate."))),
};

static const struct schema_type type_claim_retention_policy = {
    .name = "StatefulSetPersistentVolumeClaimRetentionPolicy",
    DOC("What becomes of the claims of pods that there are no longer."),
    FIELDS(F(1, "whenDeleted", STRING, DEF("Retain"), ONE_OF("Retain", "Delete"),
             DOC("When the StatefulSet is deleted: Retain or Delete.")),
           F(2, "whenScaled", STRING, DEF("Retain"), ONE_OF("Retain", "Delete"),
             DOC("When there are to be fewer pods: Retain or Delete."))),
};

static const struct schema_type type_stateful_set_ordinals = {
    .name = "StatefulSetOrdinals",
    DOC("How the pods are numbered."),
    FIELDS(F(1, "start", INT32, RULE(not_negative), DOC("The number of the first pod."))),
};

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    workload_check(spec, "statefulset", walk);
    pod_check_mounts(value_get(spec, "template"), "template.",
                     value_get(spec, "volumeClaimTemplates"), walk);
}

static const struct schema_type type_stateful_set_spec = {
    .name = "StatefulSetSpec",
    DOC("Which pods there are to be, and what each keeps."),
    .check = check_spec,
    FIELDS(F(1, "replicas", INT32, DEF("1"), RULE(not_negative), DOC("How many pods.")),
           F(2, "selector", OBJECT(type_label_selector), REQUIRED,
             DOC("Which pods are its own; must fit the template's labels. Stays as it is.")),
           F(3, "template", OBJECT(type_claiming_template), REQUIRED,
             DOC("The pods to be made; a change of it is rolled out.")),
           F(4, "volumeClaimTemplates", LIST(OBJECT(type_claim_template)),
             DOC("Claims that are made for each pod; containers mount them by name.")),
           F(5, "serviceName", STRING, DOC("The Service by which each pod has a DNS name.")),
           F(6, "podManagementPolicy", STRING, DEF("OrderedReady"),
             ONE_OF("OrderedReady", "Parallel"),
             DOC("OrderedReady: one after the other; Parallel: all at once.")),
           F(7, "updateStrategy", OBJECT(type_stateful_set_update_strategy), DEF("{}"),
             DOC("How pods of an older template are replaced.")),
           F(8, "revisionHistoryLimit", INT32, DEF("10"), RULE(not_negative),
             DOC("How many old templates are kept to go back to.")),
           F(9, "minReadySeconds", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("How long a new pod is ready before it counts as available.")),
           F(10, "persistentVolumeClaimRetentionPolicy", OBJECT(type_claim_retention_policy),
             DEF("{}"), DOC("What becomes of the claims of pods that there are no longer.")),
           F(11, "ordinals", OBJECT(type_stateful_set_ordinals),
             DOC("How the pods are numbered, if not from 0."))),
};

static const struct schema_type type_stateful_set_condition = {
    .name = "StatefulSetCondition",
    DOC("One aspect of how a StatefulSet is."),
    WORKLOAD_CONDITION,
};

static void check_status(const struct value *status, struct schema_walk *walk)
{
    static const char *const pairs[][2] = {
        {"readyReplicas", "replicas"},          {"currentReplicas", "replicas"},
        {"updatedReplicas", "replicas"},        {"availableReplicas", "replicas"},
        {"availableReplicas", "readyReplicas"}, {NULL, NULL}};
    workload_check_counts(status, pairs, walk);
}

static const struct schema_type type_stateful_set_status = {
    .name = "StatefulSetStatus",
    DOC("Which pods there are."),
    .check = check_status,
    FIELDS(F(1, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("The metadata.generation that this was said of.")),
           F(2, "replicas", INT32, DEF("0"), RULE(not_negative), DOC("Pods of its own.")),
           F(3, "readyReplicas", INT32, OMIT_ZERO, RULE(not_negative), DOC("Pods that are ready.")),
           F(4, "currentReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods of currentRevision.")),
           F(5, "updatedReplicas", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("Pods of updateRevision.")),
           F(6, "currentRevision", STRING,
             DOC("The ControllerRevision of the pods that are not replaced yet.")),
           F(7, "updateRevision", STRING, DOC("The ControllerRevision of the current template.")),
           F(9, "collisionCount", INT32, RULE(not_negative),
             DOC("How often the name of a new ControllerRevision was taken.")),
           F(10, "conditions", LIST(OBJECT(type_stateful_set_condition)), UNIQUE_BY("type"),
             DOC("One entry an aspect.")),
           F(11, "availableReplicas", INT32, DEF("0"), RULE(not_negative),
             DOC("Pods that have been ready for minReadySeconds."))),
};

static const struct schema_type type_stateful_set = {
    .name = "StatefulSet",
    DOC("Numbered pods that keep their name and their storage."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_stateful_set_spec), REQUIRED, DOC("What is wanted.")),
        F(3, "status", OBJECT(type_stateful_set_status), DOC("How far it is."))),
};

static struct value *without_mutable(const struct value *object)
{
    static const char *const keys[] = {"replicas",
                                       "ordinals",
                                       "template",
                                       "updateStrategy",
                                       "revisionHistoryLimit",
                                       "persistentVolumeClaimRetentionPolicy",
                                       "minReadySeconds"};
    struct value *spec = value_copy(value_get(object, "spec"));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        value_del(spec, keys[i]);
    return spec;
}

static void check_update(const struct value *old, const struct value *object,
                         struct schema_walk *walk)
{
    cleanup(value_free) struct value *was = without_mutable(old);
    cleanup(value_free) struct value *is = without_mutable(object);
    cleanup(buf_done) struct buf before = {0};
    cleanup(buf_done) struct buf after = {0};
    (void)schema_canonical(&type_stateful_set_spec, was, &before); /* neither has a cap */
    (void)schema_canonical(&type_stateful_set_spec, is, &after);
    if (strcmp(buf_str(&before), buf_str(&after)) != 0)
        schema_mistake(walk, value_get(object, "spec"), "spec", CAUSE_FORBIDDEN,
                       "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
                       "'template', 'updateStrategy', 'revisionHistoryLimit', "
                       "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
                       "forbidden");
}

TEMPLATE_CELLS("spec", "template")

CELL(cell_ready)
{
    (void)now_wall_ns;
    workload_print_ready(object, ret);
}

const struct schema_kind kind_stateful_set = {
    .group = "apps",
    .version = "v1",
    .kind = "StatefulSet",
    .plural = "statefulsets",
    .singular = "statefulset",
    .short_names = NAMES("sts"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT,
    .type = &type_stateful_set,
    .name = format_dns1123_subdomain,
    .check_update = check_update,
    PROTO("k8s.io.api.apps.v1.StatefulSet"),
    CATEGORIES("all"),
    SCALE(.spec_replicas = "spec.replicas", .status_replicas = "status.replicas",
          .selector = "spec.selector"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Ready", "string", .cell = cell_ready},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"Containers", "string", 1, .cell = cell_containers},
            {"Images", "string", 1, .cell = cell_images}),
};
