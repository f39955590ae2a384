/* core/v1 Node. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_taint = {
    .name = "Taint",
    DOC("Keeps pods away that do not tolerate it."),
    FIELDS(F(1, "key", STRING, REQUIRED, RULE(qualified_name)),
           F(2, "value", STRING, RULE(label_value)),
           F(3, "effect", STRING, REQUIRED, ONE_OF("NoSchedule", "PreferNoSchedule", "NoExecute")),
           F(4, "timeAdded", TIME)),
};

static const struct schema_type type_node_spec = {
    .name = "NodeSpec",
    FIELDS(F(1, "podCIDR", STRING, RULE(cidr)), F(7, "podCIDRs", LIST(STRING), SET, RULE(cidr)),
           F(2, "externalID", STRING), F(3, "providerID", STRING),
           F(4, "unschedulable", BOOL, DOC("Set by cordon: no new pods.")),
           F(5, "taints", LIST(OBJECT(type_taint))), F(6, "configSource", ANY)),
};

static const struct schema_type type_node_condition = {
    .name = "NodeCondition",
    FIELDS(F(1, "type", STRING, REQUIRED),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown")),
           F(3, "lastHeartbeatTime", TIME), F(4, "lastTransitionTime", TIME),
           F(5, "reason", STRING), F(6, "message", STRING)),
};

static const struct schema_type type_node_address = {
    .name = "NodeAddress",
    FIELDS(F(1, "type", STRING, REQUIRED), F(2, "address", STRING, REQUIRED)),
};

static const struct schema_type type_daemon_endpoint = {
    .name = "DaemonEndpoint",
    FIELDS(F(1, "Port", INT32, REQUIRED)),
};

static const struct schema_type type_node_daemon_endpoints = {
    .name = "NodeDaemonEndpoints",
    FIELDS(F(1, "kubeletEndpoint", OBJECT(type_daemon_endpoint))),
};

static const struct schema_type type_node_swap_status = {
    .name = "NodeSwapStatus",
    FIELDS(F(1, "capacity", INT64)),
};

static const struct schema_type type_node_system_info = {
    .name = "NodeSystemInfo",
    FIELDS(F(1, "machineID", STRING), F(2, "systemUUID", STRING), F(3, "bootID", STRING),
           F(4, "kernelVersion", STRING), F(5, "osImage", STRING),
           F(6, "containerRuntimeVersion", STRING), F(7, "kubeletVersion", STRING),
           F(8, "kubeProxyVersion", STRING), F(9, "operatingSystem", STRING),
           F(10, "architecture", STRING), F(11, "swap", OBJECT(type_node_swap_status))),
};

static const struct schema_type type_container_image = {
    .name = "ContainerImage",
    FIELDS(F(1, "names", LIST(STRING)), F(2, "sizeBytes", INT64)),
};

static const struct schema_type type_attached_volume = {
    .name = "AttachedVolume",
    FIELDS(F(1, "name", STRING, REQUIRED), F(2, "devicePath", STRING)),
};

static const struct schema_type type_runtime_handler_features = {
    .name = "NodeRuntimeHandlerFeatures",
    FIELDS(F(1, "recursiveReadOnlyMounts", BOOL), F(2, "userNamespaces", BOOL)),
};

static const struct schema_type type_runtime_handler = {
    .name = "NodeRuntimeHandler",
    FIELDS(F(1, "name", STRING), F(2, "features", OBJECT(type_runtime_handler_features))),
};

static const struct schema_type type_node_features = {
    .name = "NodeFeatures",
    FIELDS(F(1, "supplementalGroupsPolicy", BOOL)),
};

static const struct schema_type type_node_status = {
    .name = "NodeStatus",
    FIELDS(F(0, "id", STRING, DOC("Limpet's: <name>.<hash of its key>, which never changes.")),
           F(1, "capacity", RESOURCE_LIST), F(2, "allocatable", RESOURCE_LIST),
           F(3, "phase", STRING), F(4, "conditions", LIST(OBJECT(type_node_condition)), BY("type")),
           F(5, "addresses", LIST(OBJECT(type_node_address)), BY("type")),
           F(6, "daemonEndpoints", OBJECT(type_node_daemon_endpoints)),
           F(7, "nodeInfo", OBJECT(type_node_system_info)),
           F(8, "images", LIST(OBJECT(type_container_image))), F(9, "volumesInUse", LIST(STRING)),
           F(10, "volumesAttached", LIST(OBJECT(type_attached_volume))), F(11, "config", ANY),
           F(12, "runtimeHandlers", LIST(OBJECT(type_runtime_handler))),
           F(13, "features", OBJECT(type_node_features))),
};

static const struct schema_type type_node = {
    .name = "Node",
    DOC("A machine that runs pods."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)),
           F(2, "spec", OBJECT(type_node_spec), DEF("{}")),
           F(3, "status", OBJECT(type_node_status))),
};

CELL(cell_status)
{
    (void)now_wall_ns;
    const struct value *conditions = value_path(object, "status", "conditions", NULL);
    const char *ready = "Unknown";
    for (size_t i = 0; i < value_len(conditions); i++) {
        const struct value *condition = value_at(conditions, i);
        if (str_eq(value_get_str(condition, "type"), "Ready"))
            ready = str_eq(value_get_str(condition, "status"), "True") ? "Ready" : "NotReady";
    }
    buf_addstr(ret, ready);
    if (value_bool(value_path(object, "spec", "unschedulable", NULL), false))
        buf_addstr(ret, ",SchedulingDisabled");
}

CELL(cell_roles)
{
    static const char prefix[] = "node-role.kubernetes.io/";
    (void)now_wall_ns;
    const struct value *labels = value_path(object, "metadata", "labels", NULL);
    size_t start = ret->len;
    for (size_t i = 0; i < value_len(labels); i++) {
        const char *key = value_key_at(labels, i);
        if (key && str_has_prefix(key, prefix))
            buf_addf(ret, "%s%s", ret->len > start ? "," : "", key + strlen(prefix));
    }
    if (ret->len == start)
        buf_addstr(ret, "<none>");
}

static __attribute__((unused)) void add_address(const struct value *object, const char *type,
                                                struct buf *ret)
{
    const struct value *addresses = value_path(object, "status", "addresses", NULL);
    for (size_t i = 0; i < value_len(addresses); i++) {
        const char *address = value_get_str(value_at(addresses, i), "address");
        if (address && str_eq(value_get_str(value_at(addresses, i), "type"), type)) {
            buf_addstr(ret, address);
            return;
        }
    }
    buf_addstr(ret, "<none>");
}

CELL(cell_internal_ip)
{
    (void)now_wall_ns;
    add_address(object, "InternalIP", ret);
}

CELL(cell_external_ip)
{
    (void)now_wall_ns;
    add_address(object, "ExternalIP", ret);
}

const struct schema_kind kind_node = {
    .group = "",
    .version = "v1",
    .kind = "Node",
    .plural = "nodes",
    .singular = "node",
    .short_names = NAMES("no"),
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_node,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.core.v1.Node"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Status", "string", .cell = cell_status},
            {"Roles", "string", .cell = cell_roles},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"Version", "string", .path = "status.nodeInfo.kubeletVersion"},
            {"Internal-IP", "string", 1, .cell = cell_internal_ip},
            {"External-IP", "string", 1, .cell = cell_external_ip},
            {"OS-Image", "string", 1, .path = "status.nodeInfo.osImage"},
            {"Kernel-Version", "string", 1, .path = "status.nodeInfo.kernelVersion"},
            {"Container-Runtime", "string", 1, .path = "status.nodeInfo.containerRuntimeVersion"}),
};
