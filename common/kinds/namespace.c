/* core/v1 Namespace. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_namespace_spec = {
    .name = "NamespaceSpec",
    FIELDS(F(1, "finalizers", LIST(STRING))),
};

static const struct schema_type type_namespace_condition = {
    .name = "NamespaceCondition",
    FIELDS(F(1, "type", STRING, REQUIRED),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown")),
           F(4, "lastTransitionTime", TIME), F(5, "reason", STRING), F(6, "message", STRING)),
};

static const struct schema_type type_namespace_status = {
    .name = "NamespaceStatus",
    FIELDS(F(1, "phase", STRING, ONE_OF("Active", "Terminating")),
           F(2, "conditions", LIST(OBJECT(type_namespace_condition)), BY("type"))),
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
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)),
           F(2, "spec", OBJECT(type_namespace_spec), DEF("{}")),
           F(3, "status", OBJECT(type_namespace_status))),
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
};
