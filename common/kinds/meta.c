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
    FIELDS(F(5, "apiVersion", STRING, REQUIRED), F(1, "kind", STRING, REQUIRED),
           F(3, "name", STRING, REQUIRED), F(4, "uid", STRING, REQUIRED, RULE(uid)),
           F(6, "controller", BOOL), F(7, "blockOwnerDeletion", BOOL)),
};

static const struct schema_type type_managed_fields_entry = {
    .name = "ManagedFieldsEntry",
    DOC("Who set which fields."),
    FIELDS(F(1, "manager", STRING), F(2, "operation", STRING, ONE_OF("Apply", "Update")),
           F(3, "apiVersion", STRING), F(4, "time", TIME), F(6, "fieldsType", STRING),
           F(7, "fieldsV1", ANY), F(8, "subresource", STRING)),
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
           F(3, "namespace", STRING, RULE(dns1123_label)), F(4, "selfLink", STRING),
           F(5, "uid", STRING, RULE(uid), DOC("Given by the server; never used twice.")),
           F(6, "resourceVersion", STRING, DOC("Changes whenever the object does; opaque.")),
           F(7, "generation", INT64, RULE(not_negative)), F(8, "creationTimestamp", TIME),
           F(9, "deletionTimestamp", TIME),
           F(10, "deletionGracePeriodSeconds", INT64, RANGE(0, INT32_MAX)),
           F(11, "labels", MAP(STRING), RULE(label_value), KEYS(format_qualified_name),
             DOC("What selectors look for.")),
           F(12, "annotations", MAP(STRING), KEYS(format_qualified_name)),
           F(13, "ownerReferences", LIST(OBJECT(type_owner_reference)), UNIQUE_BY("uid")),
           F(14, "finalizers", LIST(STRING), SET, RULE(qualified_name)),
           F(17, "managedFields", LIST(OBJECT(type_managed_fields_entry)))),
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
    .check = check_requirement,
    FIELDS(F(1, "key", STRING, REQUIRED, RULE(qualified_name)),
           F(2, "operator", STRING, REQUIRED, ONE_OF("In", "NotIn", "Exists", "DoesNotExist")),
           F(3, "values", LIST(STRING), RULE(label_value))),
};

const struct schema_type type_label_selector = {
    .name = "LabelSelector",
    DOC("Objects whose labels fit all of it; an empty one fits all objects."),
    FIELDS(F(1, "matchLabels", MAP(STRING), RULE(label_value), KEYS(format_qualified_name)),
           F(2, "matchExpressions", LIST(OBJECT(type_label_selector_requirement)))),
};

const struct schema_type type_local_object_reference = {
    .name = "LocalObjectReference",
    DOC("Another object of the same namespace, by name."),
    FIELDS(F(1, "name", STRING)),
};

const struct schema_type type_named_reference = {
    .name = "LocalObjectReference",
    FIELDS(F(1, "name", STRING, REQUIRED)),
};

const struct schema_type type_object_field_selector = {
    .name = "ObjectFieldSelector",
    DOC("A field of the pod itself."),
    FIELDS(F(1, "apiVersion", STRING, DEF("v1")), F(2, "fieldPath", STRING, REQUIRED)),
};
