/* node.k8s.io/v1 RuntimeClass. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_overhead = {
    .name = "Overhead",
    DOC("What running a pod costs beside its containers."),
    FIELDS(F(1, "podFixed", RESOURCE_LIST, DOC("So much for each pod."))),
};

static const struct schema_type type_scheduling = {
    .name = "Scheduling",
    DOC("Where pods of a class can run."),
    FIELDS(F(1, "nodeSelector", MAP(STRING), WHOLE, RULE(label_value), KEYS(format_qualified_name),
             DOC("Labels that a node must have.")),
           F(2, "tolerations", LIST(OBJECT(type_toleration)),
             DOC("Taints that its pods do not mind."))),
};

static const struct schema_type type_runtime_class = {
    .name = "RuntimeClass",
    DOC("How pods are run that name it."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "handler", STRING, RULE(dns1123_label), .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
             DOC("What a node knows the way by.")),
           F(3, "overhead", OBJECT(type_overhead), DOC("What that costs.")),
           F(4, "scheduling", OBJECT(type_scheduling),
             DOC("Where it can be done; all nodes if "
                 "not given."))),
};

const struct schema_kind kind_runtime_class = {
    .group = "node.k8s.io",
    .version = "v1",
    .kind = "RuntimeClass",
    .plural = "runtimeclasses",
    .singular = "runtimeclass",
    .type = &type_runtime_class,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.node.v1.RuntimeClass"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Handler", "string", .path = "handler", .none = ""},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
