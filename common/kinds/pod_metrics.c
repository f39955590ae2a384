/* metrics.k8s.io/v1beta1 PodMetrics: what a pod's containers use. Computed. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/schema/quantity.h"

#define NANO 1000000000

static const struct schema_type type_container_metrics = {
    .name = "ContainerMetrics",
    DOC("What a container uses."),
    FIELDS(F(1, "name", STRING, DOC("The container.")),
           F(2, "usage", RESOURCE_LIST, DOC("What was used: cpu on average, memory at the end."))),
};

static const struct schema_type type_pod_metrics = {
    .name = "PodMetrics",
    DOC("What the containers of a pod use of CPU and memory. Never stored."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Name and labels of the pod.")),
           F(2, "timestamp", TIME, DOC("The end of the time in which it was measured.")),
           F(3, "window", STRING, DOC("The length of that time.")),
           F(4, "containers", LIST(OBJECT(type_container_metrics)), DOC("Those that run."))),
};

/* Of all containers together. */
static __attribute__((unused)) void add_up(const struct value *object, const char *resource,
                                           struct buf *ret)
{
    const struct value *containers = value_get(object, "containers");
    struct quantity sum = {0}, used;
    for (size_t i = 0; i < value_len(containers); i++) {
        const struct value *usage = value_get(value_at(containers, i), "usage");
        if (quantity_of(value_get(usage, resource), &used) < 0)
            continue;
        int64_t units, nano = (int64_t)sum.nano + used.nano;
        if (__builtin_add_overflow(sum.units, used.units + nano / NANO, &units))
            continue;
        sum = (struct quantity){units, (int32_t)(nano % NANO), used.format};
    }
    char text[64];
    quantity_format(&sum, text);
    (void)buf_addstr(ret, text);
}

CELL(cell_cpu)
{
    (void)now_wall_ns;
    add_up(object, "cpu", ret);
}

CELL(cell_memory)
{
    (void)now_wall_ns;
    add_up(object, "memory", ret);
}

const struct schema_kind kind_pod_metrics = {
    .group = "metrics.k8s.io",
    .version = "v1beta1",
    .kind = "PodMetrics",
    .plural = "pods",
    .singular = "podmetrics",
    .namespaced = true,
    .type = &type_pod_metrics,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.metrics.pkg.apis.metrics.v1beta1.PodMetrics"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"cpu", "string", .cell = cell_cpu},
            {"memory", "string", .cell = cell_memory}, {"Window", "string", .path = "window"}),
    COMPUTED("get", "list"),
};
