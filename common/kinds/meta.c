/* ObjectMeta and the other small types of meta/v1 and core/v1 that everything uses. */

#include "common/base/str.h"
#include "common/kinds/types.h"

#include <string.h>

static const char *format_generate_name(const char *s)
{
    char name[256];
    size_t len = strlen(s);
    if (len > 248)
        return "must be at most 248 characters";
    memcpy(name, s, len);
    memcpy(name + len, "x", 2); /* a random suffix follows, so that it may end with '-' */
    return format_dns1123_subdomain(name);
}

static const struct schema_type type_owner_reference = {
    .name = "OwnerReference",
    DOC("The object that owns this one: when the last owner is deleted, so is this."),
    FIELDS(
        F(5, "apiVersion", STRING, REQUIRED, DOC("The owner's API version.")),
        F(1, "kind", STRING, REQUIRED, DOC("The owner's kind.")),
        F(3, "name", STRING, REQUIRED, DOC("The owner's name.")),
        F(4, "uid", STRING, REQUIRED, RULE(uid), DOC("The owner's uid.")),
        F(6, "controller", BOOL, DOC("Whether the owner is what manages the object; one may be.")),
        F(7, "blockOwnerDeletion", BOOL,
          DOC("Whether the owner stays until this is gone, if it is deleted in the foreground."))),
};

static const struct schema_type type_managed_fields_entry = {
    .name = "ManagedFieldsEntry",
    DOC("Who set which fields."),
    FIELDS(F(1, "manager", STRING, DOC("The program's name.")),
           F(2, "operation", STRING, ONE_OF("Apply", "Update"), DOC("Apply or Update.")),
           F(3, "apiVersion", STRING, DOC("The version that the fields are of.")),
           F(4, "time", TIME, DOC("When it last set any.")),
           F(6, "fieldsType", STRING, DOC("How fieldsV1 is written: FieldsV1.")),
           F(7, "fieldsV1", ANY, DOC("The fields, as a tree of their names.")),
           F(8, "subresource", STRING,
             DOC("The subresource by which they were set; \"\" for the object itself."))),
};

enum { ANNOTATIONS_MAX = 256 * 1024 };

static void check_meta(const struct value *meta, struct schema_walk *walk)
{
    const struct value *annotations = value_get(meta, "annotations");
    size_t size = 0, controllers = 0;
    for (size_t i = 0; i < value_len(annotations); i++) {
        const char *text = value_str(value_at(annotations, i));
        const char *key = value_key_at(annotations, i);
        size += (key ? strlen(key) : 0) + (text ? strlen(text) : 0);
    }
    if (size > ANNOTATIONS_MAX)
        schema_mistake(walk, annotations, "annotations", CAUSE_INVALID,
                       "%zu bytes: must be at most %d in all", size, ANNOTATIONS_MAX);
    const struct value *owners = value_get(meta, "ownerReferences");
    for (size_t i = 0; i < value_len(owners); i++)
        controllers += value_get_bool(value_at(owners, i), "controller", false);
    if (controllers > 1)
        schema_mistake(walk, owners, "ownerReferences", CAUSE_INVALID,
                       "%zu have controller: true, there may be one", controllers);
}

const struct schema_type type_object_meta = {
    .name = "ObjectMeta",
    DOC("What every object has: its name, labels and history."),
    .check = check_meta,
    FIELDS(F(1, "name", STRING, DOC("Unique among the kind's objects of the namespace.")),
           F(2, "generateName", STRING, FORMAT(format_generate_name),
             DOC("The server makes a name of this and a random suffix.")),
           F(3, "namespace", STRING, RULE(dns1123_label),
             DOC("Where its name is unique; none for kinds that stand in no namespace.")),
           F(4, "selfLink", STRING, DOC("Of no use any more.")),
           F(5, "uid", STRING, RULE(uid), DOC("Given by the server; never used twice.")),
           F(6, "resourceVersion", STRING, DOC("Changes whenever the object does; opaque.")),
           F(7, "generation", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("Counts changes of what is wanted; see status.observedGeneration.")),
           F(8, "creationTimestamp", TIME, DOC("When the server took it; set by the server.")),
           F(9, "deletionTimestamp", TIME,
             DOC("When it is to be gone; set by the server once someone deletes it.")),
           F(10, "deletionGracePeriodSeconds", INT64, RANGE(0, INT32_MAX),
             DOC("How long it has left to end, once it is deleted.")),
           F(11, "labels", MAP(STRING), RULE(label_value), KEYS(format_qualified_name),
             DOC("What selectors look for.")),
           F(12, "annotations", MAP(STRING), KEYS(format_qualified_name),
             DOC("Notes for people and programs, that no selector looks for.")),
           F(13, "ownerReferences", LIST(OBJECT(type_owner_reference)), UNIQUE_BY("uid"),
             DOC("The objects that it goes with.")),
           F(14, "finalizers", LIST(STRING), SET, RULE(qualified_name),
             DOC("Who must agree before it is gone, each by taking its own name out.")),
           F(17, "managedFields", LIST(OBJECT(type_managed_fields_entry)),
             DOC("Who set which fields; kept by the server."))),
};

static void check_requirement(const struct value *requirement, struct schema_walk *walk)
{
    const char *op = value_get_str(requirement, "operator");
    const struct value *values = value_get(requirement, "values");
    if ((str_eq(op, "In") || str_eq(op, "NotIn")) && value_len(values) == 0)
        schema_mistake(walk, values, "values", CAUSE_REQUIRED, "required with operator %s", op);
    if ((str_eq(op, "Exists") || str_eq(op, "DoesNotExist")) && value_len(values) > 0)
        schema_mistake(walk, values, "values", CAUSE_FORBIDDEN, "not with operator %s", op);
}

static const struct schema_type type_label_selector_requirement = {
    .name = "LabelSelectorRequirement",
    DOC("One demand on a label."),
    .check = check_requirement,
    FIELDS(F(1, "key", STRING, REQUIRED, RULE(qualified_name), DOC("The label.")),
           F(2, "operator", STRING, REQUIRED, ONE_OF("In", "NotIn", "Exists", "DoesNotExist"),
             DOC("In, NotIn, Exists or DoesNotExist.")),
           F(3, "values", LIST(STRING), RULE(label_value),
             DOC("What it is compared with; none for Exists and DoesNotExist."))),
};

const struct schema_type type_label_selector = {
    .name = "LabelSelector",
    .whole = true,
    DOC("Objects whose labels fit all of it; an empty one fits all objects."),
    FIELDS(F(1, "matchLabels", MAP(STRING), RULE(label_value), KEYS(format_qualified_name),
             DOC("Labels that an object must have, with these values.")),
           F(2, "matchExpressions", LIST(OBJECT(type_label_selector_requirement)),
             DOC("Further demands, all of which must be met."))),
};

const struct schema_type type_local_object_reference = {
    .name = "LocalObjectReference",
    .whole = true,
    DOC("Another object of the same namespace, by name."),
    FIELDS(F(1, "name", STRING, DOC("The object's name."))),
};

const struct schema_type type_named_reference = {
    .name = "LocalObjectReference",
    .whole = true,
    DOC("Another object of the same namespace, by name."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("The object's name."))),
};

const struct schema_type type_object_field_selector = {
    .name = "ObjectFieldSelector",
    .whole = true,
    DOC("A field of the pod itself."),
    FIELDS(
        F(1, "apiVersion", STRING, DEF("v1"), DOC("The version that the path is of.")),
        F(2, "fieldPath", STRING, REQUIRED, DOC("The field's path: metadata.name, status.podIP."))),
};
