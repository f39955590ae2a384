/* core/v1 Node. */

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

#include <stdio.h>

static const struct schema_type type_taint = {
    .name = "Taint",
    DOC("Keeps pods away that do not tolerate it."),
    FIELDS(F(1, "key", STRING, REQUIRED, RULE(qualified_name), DOC("Its name, as of a label.")),
           F(2, "value", STRING, RULE(label_value), DOC("Its value, as of a label.")),
           F(3, "effect", STRING, REQUIRED, ONE_OF("NoSchedule", "PreferNoSchedule", "NoExecute"),
             DOC("NoSchedule and PreferNoSchedule hold for new pods; NoExecute ends those that "
                 "run.")),
           F(4, "timeAdded", TIME, DOC("When it was set, of NoExecute."))),
};

GATEWAY_CHECK(check_node_spec)
{
    const struct value *taints = value_get(object, "taints");
    struct map *seen = map_new();
    for (size_t i = 0; i < value_len(taints); i++) {
        const struct value *taint = value_at(taints, i);
        const char *key = value_get_str(taint, "key"), *effect = value_get_str(taint, "effect");
        autofree char *pair = xasprintf("%s:%s", key ? key : "", effect ? effect : "");
        char sub[48];
        snprintf(sub, sizeof(sub), "taints[%zu]", i);
        if (map_get(seen, pair))
            schema_mistake(walk, taint, sub, CAUSE_DUPLICATE,
                           "taints must be unique by key and effect pair");
        else
            map_put(seen, pair, seen);
    }
    map_free(seen, NULL);
    const struct value *cidr = value_get(object, "podCIDR"), *cidrs = value_get(object, "podCIDRs");
    if (value_str(cidr) && value_len(cidrs) > 0 && !value_equal(cidr, value_at(cidrs, 0)))
        schema_mistake(walk, cidr, "podCIDR", CAUSE_INVALID, "must be the first of podCIDRs");
}

/* Its pods have their addresses already. */
GATEWAY_STATIC void check_update(const struct value *old, const struct value *node,
                                 struct schema_walk *walk)
{
    const struct value *was = value_get(old, "spec"), *is = value_get(node, "spec");
    const struct value *cidr = value_get(was, "podCIDR"), *cidrs = value_get(was, "podCIDRs");
    bool changed = (!str_empty(value_str(cidr)) && !value_equal(cidr, value_get(is, "podCIDR"))) ||
                   (value_len(cidrs) > 0 && !value_equal(cidrs, value_get(is, "podCIDRs")));
    if (changed && !WEAKENED(NODE_CIDR))
        schema_mistake(walk, is, "spec.podCIDRs", CAUSE_FORBIDDEN,
                       "node updates may not change podCIDR except from \"\" to valid");
}

static const struct schema_type type_node_spec = {
    .name = "NodeSpec",
    .check = GATEWAY_ONLY(check_node_spec),
    DOC("What is wanted of a node."),
    FIELDS(F(1, "podCIDR", STRING, RULE(cidr), INERT, DOC("The addresses that its pods get.")),
           F(7, "podCIDRs", LIST(STRING), .flags = SCHEMA_SET | SCHEMA_INERT, RULE(cidr),
             DOC("The same as a list: one of IPv4 and one of IPv6.")),
           F(2, "externalID", STRING, INERT, DOC("Of no use any more.")),
           F(3, "providerID", STRING, DOC("What a cloud calls it: <cloud>://<id>.")),
           F(4, "unschedulable", BOOL, OMIT_ZERO, DOC("Set by cordon: no new pods.")),
           F(5, "taints", LIST(OBJECT(type_taint)), DOC("What keeps pods away.")),
           F(6, "configSource", GATEWAY_OBJECT(type_node_config_source), INERT,
             DOC("Of no use any more."))),
};

static const struct schema_type type_node = {
    .name = "Node",
    DOC("A machine that runs pods."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_node_spec), DEF("{}"), DOC("What is wanted of it.")),
           F(3, "status", GATEWAY_OBJECT(type_node_status), DOC("What it has told of itself."))),
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
    .check_update = GATEWAY_ONLY(check_update),
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
    SELECTABLE({"spec.unschedulable", .none = "false"}),
};
