/* core/v1 Namespace. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_namespace_spec = {
    .name = "NamespaceSpec",
    DOC("What is wanted of a namespace."),
    FIELDS(F(1, "finalizers", LIST(STRING), DOC("Who must agree before it is gone."))),
};

static const struct schema_type type_namespace_condition = {
    .name = "NamespaceCondition",
    DOC("One thing that holds of a namespace or does not."),
    FIELDS(F(1, "type", STRING, REQUIRED, DOC("What: NamespaceContentRemaining.")),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),
             DOC("True, False or Unknown.")),
           F(4, "lastTransitionTime", TIME, DOC("When status last changed.")),
           F(5, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(6, "message", STRING, DOC("Why, for people."))),
};

static const struct schema_type type_namespace_status = {
    .name = "NamespaceStatus",
    DOC("How a namespace is."),
    FIELDS(F(1, "phase", STRING, ONE_OF("Active", "Terminating"),
             DOC("Active, or Terminating while what it holds is deleted.")),
           F(2, "conditions", LIST(OBJECT(type_namespace_condition)), BY("type"),
             DOC("What holds of it while it is deleted."))),
};

/* Every namespace carries its name as a label, so that selectors can pick it. */
static void fill_namespace(struct value *object)
{
    const char *name = object_name(object);
    struct value *labels = name ? value_make_map(object, "metadata", "labels", NULL) : NULL;
    if (labels)
        value_set_str(labels, "kubernetes.io/metadata.name", name);
}

static const struct schema_type type_namespace = {
    .name = "Namespace",
    DOC("A scope for names."),
    .fill = fill_namespace,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_namespace_spec), DEF("{}"), DOC("What is wanted of it.")),
           F(3, "status", OBJECT(type_namespace_status), DOC("How it is."))),
};

const struct schema_kind kind_namespace = {
    .group = "",
    .version = "v1",
    .kind = "Namespace",
    .plural = "namespaces",
    .singular = "namespace",
    .short_names = NAMES("ns"),
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_namespace,
    .name = format_dns1123_label,
    PROTO("k8s.io.api.core.v1.Namespace"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Status", "string", .path = "status.phase"},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
    SELECTABLE({"status.phase"}),
};
