/* core/v1 PersistentVolumeClaim. */

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/schema/quantity.h"

static const struct schema_type type_volume_resource_requirements = {
    .name = "VolumeResourceRequirements",
    DOC("How much a volume must hold."),
    FIELDS(F(1, "limits", RESOURCE_LIST, DOC("At most this much.")),
           F(2, "requests", RESOURCE_LIST, DOC("At least this much; of a claim: storage."))),
};

/* An object of no group must be a claim: what else could be copied into a volume? */
static void check_source(const struct value *source, struct schema_walk *walk)
{
    const struct value *kind = value_get(source, "kind");
    if (str_empty(value_get_str(source, "apiGroup")) && !str_empty(value_str(kind)) &&
        !str_eq(value_str(kind), "PersistentVolumeClaim"))
        schema_mistake(walk, kind, "kind", CAUSE_INVALID,
                       "\"%.64s\": must be 'PersistentVolumeClaim' when referencing the default "
                       "apiGroup",
                       value_str(kind));
}

#define SOURCE_FIELDS                                                                              \
    F(1, "apiGroup", STRING, RULE(dns1123_subdomain), DOC("Its API group; none for a claim.")),    \
        F(2, "kind", STRING, REQUIRED, DOC("Its kind.")),                                          \
        F(3, "name", STRING, REQUIRED, DOC("Its name."))

static const struct schema_type type_data_source = {
    .name = "TypedLocalObjectReference",
    .whole = true,
    DOC("An object of the same namespace, by group, kind and name."),
    .check = check_source,
    FIELDS(SOURCE_FIELDS),
};

static const struct schema_type type_data_source_ref = {
    .name = "TypedObjectReference",
    DOC("An object of any namespace, by group, kind and name."),
    .check = check_source,
    FIELDS(SOURCE_FIELDS,
           F(4, "namespace", STRING, RULE(dns1123_label), DOC("The claim's own if not given."))),
};

/* dataSource and dataSourceRef are one thing told twice, but for a reference into another
 * namespace, which only the second has a word for. */
static void check_sources(const struct value *spec, struct schema_walk *walk)
{
    static const char *const keys[] = {"apiGroup", "kind", "name"};
    const struct value *source = value_get(spec, "dataSource");
    const struct value *ref = value_get(spec, "dataSourceRef");
    if (value_type(source) != VALUE_MAP || value_type(ref) != VALUE_MAP)
        return;
    if (!str_empty(value_get_str(ref, "namespace"))) {
        schema_mistake(walk, source, "dataSource", CAUSE_INVALID,
                       "may not be specified when dataSourceRef.namespace is specified");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *a = value_get_str(source, keys[i]), *b = value_get_str(ref, keys[i]);
        if (!str_eq(a ? a : "", b ? b : "")) {
            schema_mistake(walk, source, "dataSource", CAUSE_INVALID, "must match dataSourceRef");
            return;
        }
    }
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    const struct value *requests = value_path(spec, "resources", "requests", NULL);
    const struct value *storage = value_get(requests, "storage");
    struct quantity size;
    if (value_type(storage) == VALUE_NULL)
        schema_mistake(walk, requests, "resources.requests.storage", CAUSE_REQUIRED, "required");
    else if (quantity_of(storage, &size) == 0 && size.units == 0 && size.nano == 0)
        schema_mistake(walk, storage, "resources.requests.storage", CAUSE_INVALID,
                       "must be greater than zero");
    check_access_modes(value_get(spec, "accessModes"), walk);
    check_sources(spec, walk);
}

static void fill_spec(struct value *spec)
{
    struct value *source = value_get(spec, "dataSource"), *ref = value_get(spec, "dataSourceRef");
    if (value_type(source) == VALUE_MAP && !ref) {
        value_set(spec, "dataSourceRef", value_copy(source));
    } else if (value_type(ref) == VALUE_MAP && !source &&
               str_empty(value_get_str(ref, "namespace"))) {
        source = value_set(spec, "dataSource", value_copy(ref));
        value_del(source, "namespace");
    }
}

const struct schema_type type_persistent_volume_claim_spec = {
    .name = "PersistentVolumeClaimSpec",
    DOC("What a claim asks of a volume."),
    .check = check_spec,
    .fill = fill_spec,
    FIELDS(
        F(1, "accessModes", LIST(STRING), REQUIRED, RULE(access_mode),
          DOC("How the volume may be mounted: ReadWriteOnce, ReadOnlyMany, ReadWriteMany or "
              "ReadWriteOncePod.")),
        F(4, "selector", OBJECT(type_label_selector),
          DOC("Labels that a volume must have to be taken.")),
        F(2, "resources", OBJECT(type_volume_resource_requirements), DOC("How much it must hold.")),
        F(3, "volumeName", STRING, DOC("The volume that the claim is bound to.")),
        F(5, "storageClassName", STRING, RULE(dns1123_subdomain),
          DOC("The class that makes the volume; \"\" for volumes of no class.")),
        F(6, "volumeMode", STRING, DEF("Filesystem"), ONE_OF("Block", "Filesystem"),
          DOC("Whether pods see a directory or a block device.")),
        F(7, "dataSource", OBJECT(type_data_source),
          DOC("A snapshot or a claim whose data the volume begins with.")),
        F(8, "dataSourceRef", OBJECT(type_data_source_ref),
          DOC("The same as dataSource, of any kind and, if told so, another namespace.")),
        F(9, "volumeAttributesClassName", STRING, RULE(dns1123_subdomain), INERT,
          DOC("The VolumeAttributesClass of the volume; may be changed later."))),
};

static const struct schema_type type_claim_condition = {
    .name = "PersistentVolumeClaimCondition",
    DOC("One thing that holds of a claim or does not."),
    FIELDS(F(1, "type", STRING, REQUIRED, DOC("What: Resizing, FileSystemResizePending.")),
           F(2, "status", STRING, REQUIRED, DOC("True, False or Unknown.")),
           F(3, "lastProbeTime", TIME, DOC("When it was last looked at.")),
           F(4, "lastTransitionTime", TIME, DOC("When status last changed.")),
           F(5, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(6, "message", STRING, DOC("Why, for people."))),
};

static const struct schema_type type_modify_volume_status = {
    .name = "ModifyVolumeStatus",
    DOC("How far a change of volumeAttributesClassName has come."),
    FIELDS(F(1, "targetVolumeAttributesClassName", STRING, DOC("The class that is aimed at.")),
           F(2, "status", STRING, REQUIRED, ONE_OF("Pending", "InProgress", "Infeasible"),
             DOC("Pending, InProgress or Infeasible."))),
};

const struct schema_type type_persistent_volume_claim_status = {
    .name = "PersistentVolumeClaimStatus",
    DOC("What has become of a claim."),
    FIELDS(F(1, "phase", STRING, DEF("Pending"), ONE_OF("Pending", "Bound", "Lost"),
             DOC("Pending, Bound, or Lost if its volume is gone.")),
           F(2, "accessModes", LIST(STRING), RULE(access_mode),
             DOC("How the volume that was found may be mounted.")),
           F(3, "capacity", RESOURCE_LIST, DOC("What the volume that was found holds.")),
           F(4, "conditions", LIST(OBJECT(type_claim_condition)), BY("type"),
             DOC("What holds of the claim: a resize that is under way.")),
           F(5, "allocatedResources", RESOURCE_LIST,
             DOC("What is set aside for it, during a resize more than its capacity.")),
           F(7, "allocatedResourceStatuses", MAP(STRING), KEYS(format_resource_name),
             ONE_OF("ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizePending",
                    "NodeResizeInProgress", "NodeResizeInfeasible"),
             DOC("How far the resize of each resource has come.")),
           F(8, "currentVolumeAttributesClassName", STRING,
             DOC("The VolumeAttributesClass that the volume has now.")),
           F(9, "modifyVolumeStatus", OBJECT(type_modify_volume_status),
             DOC("A change of that class that is under way."))),
};

const struct schema_type type_persistent_volume_claim = {
    .name = "PersistentVolumeClaim",
    DOC("Asks for storage that outlives pods; a volume is bound to it."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", GATEWAY_OBJECT(type_persistent_volume_claim_spec), REQUIRED,
             DOC("What it asks for.")),
           F(3, "status", GATEWAY_OBJECT(type_persistent_volume_claim_status),
             DOC("What has become of it."))),
};

/* Once made a claim may only be bound, grow, and take another attributes class. */
GATEWAY_STATIC struct value *without_mutable(const struct value *object, bool bound)
{
    struct value *spec = value_copy(value_get(object, "spec"));
    value_del(spec, "volumeAttributesClassName");
    if (bound)
        value_del(value_path(spec, "resources", "requests", NULL), "storage");
    return spec;
}

GATEWAY_STATIC void check_size(const struct value *old, const struct value *object,
                               struct schema_walk *walk)
{
    struct quantity was, is, capacity;
    const struct value *size = value_path(object, "spec", "resources", "requests", "storage", NULL);
    if (quantity_of(value_path(old, "spec", "resources", "requests", "storage", NULL), &was) < 0 ||
        quantity_of(size, &is) < 0 || quantity_compare(&is, &was) >= 0)
        return;
    if (quantity_of(value_path(old, "status", "capacity", "storage", NULL), &capacity) < 0)
        capacity = (struct quantity){0};
    if (quantity_compare(&is, &capacity) <= 0)
        schema_mistake(walk, size, "spec.resources.requests.storage", CAUSE_FORBIDDEN,
                       "field can not be less than status.capacity");
}

GATEWAY_STATIC void check_update(const struct value *old, const struct value *object,
                                 struct schema_walk *walk)
{
    bool bound = str_eq(value_str(value_path(old, "status", "phase", NULL)), "Bound");
    cleanup(value_free) struct value *was = without_mutable(old, bound);
    cleanup(value_free) struct value *is = without_mutable(object, bound);
    if (str_empty(value_get_str(was, "volumeName"))) { /* binding */
        value_del(was, "volumeName");
        value_del(is, "volumeName");
    }
    if (!value_equal(was, is) && !WEAKENED(CLAIM_UPDATE))
        schema_mistake(walk, value_get(object, "spec"), "spec", CAUSE_FORBIDDEN,
                       "spec is immutable after creation except resources.requests and "
                       "volumeAttributesClassName for bound claims");
    check_size(old, object, walk);
}

CELL(cell_status)
{
    (void)now_wall_ns;
    const char *phase = value_str(value_path(object, "status", "phase", NULL));
    if (value_path(object, "metadata", "deletionTimestamp", NULL))
        phase = "Terminating";
    buf_addstr(ret, phase ? phase : "");
}

/* Of the volume, so there must be one. */
CELL(cell_capacity)
{
    struct schema_column column = {
        .type = "string", .path = "status.capacity.storage", .none = "0"};
    if (!str_empty(value_str(value_path(object, "spec", "volumeName", NULL))))
        schema_cell(&column, object, now_wall_ns, ret);
}

CELL(cell_access_modes)
{
    (void)now_wall_ns;
    if (!str_empty(value_str(value_path(object, "spec", "volumeName", NULL))))
        access_modes_cell(value_path(object, "status", "accessModes", NULL), ret);
}

CELL(cell_storage_class)
{
    (void)now_wall_ns;
    storage_class_cell(object, ret);
}

const struct schema_kind kind_persistent_volume_claim = {
    .group = "",
    .version = "v1",
    .kind = "PersistentVolumeClaim",
    .plural = "persistentvolumeclaims",
    .singular = "persistentvolumeclaim",
    .short_names = NAMES("pvc"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_persistent_volume_claim,
    .name = format_dns1123_subdomain,
    .check_update = GATEWAY_ONLY(check_update),
    PROTO("k8s.io.api.core.v1.PersistentVolumeClaim"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Status", "string", .cell = cell_status},
            {"Volume", "string", .path = "spec.volumeName", .none = ""},
            {"Capacity", "string", .cell = cell_capacity},
            {"Access Modes", "string", .cell = cell_access_modes},
            {"StorageClass", "string", .cell = cell_storage_class},
            {"VolumeAttributesClass", "string", .path = "spec.volumeAttributesClassName",
             .none = "<unset>"},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"VolumeMode", "string", 1, .path = "spec.volumeMode", .none = "<unset>"}),
};
