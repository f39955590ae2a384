/* metrics.k8s.io/v1beta1 NodeMetrics: what a node uses. Computed. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_node_metrics = {
    .name = "NodeMetrics",
    DOC("What a node uses of CPU and memory. Never stored."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Name and labels of the node.")),
           F(2, "timestamp", TIME, DOC("The end of the time in which it was measured.")),
           F(3, "window", STRING, DOC("The length of that time.")),
           F(4, "usage", RESOURCE_LIST, DOC("What was used: cpu on average, memory at the end."))),
};

const struct schema_kind kind_node_metrics = {
    .group = "metrics.k8s.io",
    .version = "v1beta1",
    .kind = "NodeMetrics",
    .plural = "nodes",
    .singular = "nodemetrics",
    .type = &type_node_metrics,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.metrics.pkg.apis.metrics.v1beta1.NodeMetrics"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"cpu", "string", .path = "usage.cpu", .none = "0"},
            {"memory", "string", .path = "usage.memory", .none = "0"},
            {"Window", "string", .path = "window"}),
    COMPUTED("get", "list"),
};
