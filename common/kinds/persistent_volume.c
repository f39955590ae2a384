/* core/v1 PersistentVolume. */

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/schema/quantity.h"

static void check_capacity(const struct value *spec, struct schema_walk *walk)
{
    const struct value *capacity = value_get(spec, "capacity");
    const struct value *storage = value_get(capacity, "storage");
    struct quantity size;
    if (value_len(capacity) == 0)
        schema_mistake(walk, capacity, "capacity", CAUSE_REQUIRED, "required");
    else if (!storage || value_len(capacity) > 1)
        schema_mistake(walk, capacity, "capacity", CAUSE_NOT_SUPPORTED,
                       "must hold storage and nothing else");
    else if (quantity_of(storage, &size) == 0 && size.units == 0 && size.nano == 0)
        schema_mistake(walk, storage, "capacity.storage", CAUSE_INVALID,
                       "must be greater than zero");
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    const struct value *affinity = value_get(spec, "nodeAffinity");
    const struct value *policy = value_get(spec, "persistentVolumeReclaimPolicy");
    const char *path = value_str(value_path(spec, "hostPath", "path", NULL));
    check_capacity(spec, walk);
    check_access_modes(value_get(spec, "accessModes"), walk);
    if (value_get(spec, "local") && value_type(affinity) == VALUE_NULL)
        schema_mistake(walk, affinity, "nodeAffinity", CAUSE_REQUIRED,
                       "Local volume requires node affinity");
    if (str_eq(path, "/") && str_eq(value_str(policy), "Recycle"))
        schema_mistake(walk, policy, "persistentVolumeReclaimPolicy", CAUSE_FORBIDDEN,
                       "may not be 'recycle' for a hostPath mount of '/'");
}

static const struct schema_type type_volume_node_affinity = {
    .name = "VolumeNodeAffinity",
    DOC("Nodes from which a volume can be reached."),
    FIELDS(F(1, "required", OBJECT(type_node_selector), REQUIRED, DOC("No others."))),
};

GATEWAY_STATIC const struct schema_type type_persistent_volume_spec = {
    .name = "PersistentVolumeSpec",
    DOC("What a volume is."),
    .check = check_spec,
    FIELDS(F(1, "capacity", RESOURCE_LIST, DOC("What it holds: storage.")),
           INLINE(2, "persistentVolumeSource", type_persistent_volume_source),
           F(3, "accessModes", LIST(STRING), REQUIRED, RULE(access_mode),
             DOC("How it may be mounted: ReadWriteOnce, ReadOnlyMany, ReadWriteMany or "
                 "ReadWriteOncePod.")),
           F(4, "claimRef", OBJECT(type_object_reference),
             DOC("The claim that it is bound to, or kept for.")),
           F(5, "persistentVolumeReclaimPolicy", STRING, DEF("Retain"),
             ONE_OF("Retain", "Delete", "Recycle"),
             DOC("What becomes of it after its claim: Retain, Delete or Recycle.")),
           F(6, "storageClassName", STRING, RULE(dns1123_subdomain), DOC("Its class.")),
           F(7, "mountOptions", LIST(STRING), INERT, DOC("Options with which it is mounted.")),
           F(8, "volumeMode", STRING, DEF("Filesystem"), ONE_OF("Block", "Filesystem"),
             DOC("Whether pods see a directory or a block device.")),
           F(9, "nodeAffinity", OBJECT(type_volume_node_affinity),
             DOC("Nodes from which it can be reached; all if not given.")),
           F(10, "volumeAttributesClassName", STRING, RULE(dns1123_subdomain), INERT,
             DOC("Its VolumeAttributesClass."))),
};

GATEWAY_STATIC const struct schema_type type_persistent_volume_status = {
    .name = "PersistentVolumeStatus",
    DOC("What has become of a volume."),
    FIELDS(F(1, "phase", STRING, DEF("Pending"),
             ONE_OF("Pending", "Available", "Bound", "Released", "Failed"),
             DOC("Pending, Available, Bound, Released or Failed.")),
           F(2, "message", STRING, DOC("Why, for people.")),
           F(3, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(4, "lastPhaseTransitionTime", TIME, DOC("When phase last changed."))),
};

static const struct schema_type type_persistent_volume = {
    .name = "PersistentVolume",
    DOC("Storage that outlives pods, and waits for a claim or has one."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", GATEWAY_OBJECT(type_persistent_volume_spec), REQUIRED, DOC("What it is.")),
           F(3, "status", GATEWAY_OBJECT(type_persistent_volume_status),
             DOC("What has become of it."))),
};

/* What data is on it must not become other data under the same name. */
GATEWAY_STATIC void check_update(const struct value *old, const struct value *object,
                                 struct schema_walk *walk)
{
    static const char *const fixed[] = {"volumeMode", "nodeAffinity"};
    const struct value *was = value_get(old, "spec"), *is = value_get(object, "spec");
    const struct schema_field *field = type_persistent_volume_source.fields;
    for (; field->name; field++) {
        const struct value *before = value_get(was, field->name);
        const struct value *after = value_get(is, field->name);
        if ((!before && !after) || value_equal(before, after) || WEAKENED(VOLUME_SOURCE))
            continue;
        schema_mistake(walk, is, "spec.persistentvolumesource", CAUSE_FORBIDDEN,
                       "spec.persistentvolumesource is immutable after creation");
        break;
    }
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        const struct value *before = value_get(was, fixed[i]), *after = value_get(is, fixed[i]);
        char sub[SCHEMA_SUB_LEN];
        if (before && !value_equal(before, after)) /* affinity may be given later, once */
            schema_mistake(walk, after ? after : is, schema_sub_key("spec", fixed[i], sub),
                           CAUSE_INVALID, "field is immutable");
    }
}

CELL(cell_status)
{
    (void)now_wall_ns;
    const char *phase = value_str(value_path(object, "status", "phase", NULL));
    if (value_path(object, "metadata", "deletionTimestamp", NULL))
        phase = "Terminating";
    buf_addstr(ret, phase ? phase : "");
}

CELL(cell_access_modes)
{
    (void)now_wall_ns;
    access_modes_cell(value_path(object, "spec", "accessModes", NULL), ret);
}

CELL(cell_claim)
{
    (void)now_wall_ns;
    const struct value *claim = value_path(object, "spec", "claimRef", NULL);
    const char *ns = value_get_str(claim, "namespace"), *name = value_get_str(claim, "name");
    if (claim)
        buf_addf(ret, "%s/%s", ns ? ns : "", name ? name : "");
}

CELL(cell_storage_class)
{
    (void)now_wall_ns;
    storage_class_cell(object, ret);
}

const struct schema_kind kind_persistent_volume = {
    .group = "",
    .version = "v1",
    .kind = "PersistentVolume",
    .plural = "persistentvolumes",
    .singular = "persistentvolume",
    .short_names = NAMES("pv"),
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_persistent_volume,
    .name = format_dns1123_subdomain,
    .check_update = GATEWAY_ONLY(check_update),
    PROTO("k8s.io.api.core.v1.PersistentVolume"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Capacity", "string", .path = "spec.capacity.storage", .none = "0"},
            {"Access Modes", "string", .cell = cell_access_modes},
            {"Reclaim Policy", "string", .path = "spec.persistentVolumeReclaimPolicy", .none = ""},
            {"Status", "string", .cell = cell_status}, {"Claim", "string", .cell = cell_claim},
            {"StorageClass", "string", .cell = cell_storage_class},
            {"VolumeAttributesClass", "string", .path = "spec.volumeAttributesClassName",
             .none = "<unset>"},
            {"Reason", "string", .path = "status.reason", .none = ""},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"VolumeMode", "string", 1, .path = "spec.volumeMode", .none = "<unset>"}),
};
