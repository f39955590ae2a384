/* core/v1 Service. */

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/address.h"
#include "common/kinds/doubles.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/kinds/label_selector.h"

#include <stdio.h>
#include <stdlib.h>

enum service_type { CLUSTER_IP = 1, NODE_PORT = 2, LOAD_BALANCER = 4, EXTERNAL_NAME = 8 };

static const struct {
    const char *name;
    enum service_type type;
} service_types[] = {
    {"ClusterIP", CLUSTER_IP},
    {"NodePort", NODE_PORT},
    {"LoadBalancer", LOAD_BALANCER},
    {"ExternalName", EXTERNAL_NAME},
};

/* Without one it is a ClusterIP; 0 of one that there is not (that is told already). */
static enum service_type type_of(const struct value *spec)
{
    const char *name = value_get_str(spec, "type");
    for (size_t i = 0; i < ARRAY_LEN(service_types); i++)
        if (str_eq(name, service_types[i].name))
            return service_types[i].type;
    return str_empty(name) ? CLUSTER_IP : 0;
}

static bool is_given(const struct value *value)
{
    return value_type(value) != VALUE_NULL && !(value_str(value) && !*value_str(value)) &&
           !((value_type(value) == VALUE_LIST || value_type(value) == VALUE_MAP) &&
             value_len(value) == 0);
}

static bool is_headless(const struct value *spec)
{
    return str_eq(value_get_str(spec, "clusterIP"), "None") ||
           str_eq(value_str(value_at(value_get(spec, "clusterIPs"), 0)), "None");
}

/* Reached from beyond the cluster: traffic of it has a policy. */
static bool is_external(const struct value *spec)
{
    enum service_type type = type_of(spec);
    return type & (NODE_PORT | LOAD_BALANCER) ||
           (type == CLUSTER_IP && value_len(value_get(spec, "externalIPs")) > 0);
}

/* ---- what only some types have ---- */

static void check_fields_of_type(const struct value *spec, struct schema_walk *walk)
{
    static const char balancer[] = "may only be used when `type` is 'LoadBalancer'";
    static const char named[] = "may not be set for ExternalName services";
    static const struct {
        const char *field;
        unsigned types;
        const char *reason;
    } of_type[] = {
        {"allocateLoadBalancerNodePorts", LOAD_BALANCER, balancer},
        {"loadBalancerSourceRanges", LOAD_BALANCER, balancer},
        {"loadBalancerClass", LOAD_BALANCER, balancer},
        {"clusterIP", (unsigned)~EXTERNAL_NAME, named},
        {"clusterIPs", (unsigned)~EXTERNAL_NAME, named},
        {"ipFamilies", (unsigned)~EXTERNAL_NAME, named},
        {"ipFamilyPolicy", (unsigned)~EXTERNAL_NAME, named},
    };
    enum service_type type = type_of(spec);
    for (size_t i = 0; i < ARRAY_LEN(of_type) && type; i++) {
        const struct value *value = value_get(spec, of_type[i].field);
        if (is_given(value) && !(of_type[i].types & type))
            schema_mistake(walk, value, of_type[i].field, CAUSE_FORBIDDEN, "%s", of_type[i].reason);
    }
}

static void check_external_name(const struct value *spec, struct schema_walk *walk)
{
    const struct value *value = value_get(spec, "externalName");
    const char *name = value_str(value), *wrong;
    if (type_of(spec) != EXTERNAL_NAME)
        return;
    if (str_empty(name)) {
        schema_mistake(walk, value, "externalName", CAUSE_REQUIRED,
                       "required with type ExternalName");
        return;
    }
    char domain[256];
    size_t len = strlen(name);
    snprintf(domain, sizeof(domain), "%.*s", (int)(name[len - 1] == '.' ? len - 1 : len), name);
    if ((wrong = format_dns1123_subdomain(domain)))
        schema_mistake(walk, value, "externalName", CAUSE_INVALID, "\"%.64s\": %s", name, wrong);
}

static void check_policy(const struct value *spec, struct schema_walk *walk)
{
    const struct value *policy = value_get(spec, "externalTrafficPolicy");
    const struct value *port = value_get(spec, "healthCheckNodePort");
    if (!str_empty(value_str(policy)) && !is_external(spec))
        schema_mistake(walk, policy, "externalTrafficPolicy", CAUSE_INVALID,
                       "may only be set for externally-accessible services");
    if (value_int(port, 0) != 0 &&
        !(type_of(spec) == LOAD_BALANCER && str_eq(value_str(policy), "Local")))
        schema_mistake(walk, port, "healthCheckNodePort", CAUSE_INVALID,
                       "may only be set when `type` is 'LoadBalancer' and "
                       "`externalTrafficPolicy` is 'Local'");
}

/* ---- ports ---- */

static const char *protocol_of(const struct value *port)
{
    const char *protocol = value_get_str(port, "protocol");
    return str_empty(protocol) ? "TCP" : protocol;
}

static void key_name(const struct value *port, struct buf *ret)
{
    const char *name = value_get_str(port, "name");
    buf_addstr(ret, name ? name : "");
}

static void key_port(const struct value *port, struct buf *ret)
{
    int64_t number = value_get_int(port, "port", 0);
    if (number > 0)
        buf_addf(ret, "%lld/%s", (long long)number, protocol_of(port));
}

static void key_node_port(const struct value *port, struct buf *ret)
{
    int64_t number = value_get_int(port, "nodePort", 0);
    if (number > 0)
        buf_addf(ret, "%lld/%s", (long long)number, protocol_of(port));
}

/* A balancer must not open what the nodes' own agents listen on. */
enum { KUBELET_PORT = 10250 };

static void check_port(const struct value *spec, size_t i, struct schema_walk *walk)
{
    enum service_type type = type_of(spec);
    const struct value *ports = value_get(spec, "ports"), *port = value_at(ports, i);
    char sub[64];
    if (value_len(ports) > 1 && str_empty(value_get_str(port, "name"))) {
        snprintf(sub, sizeof(sub), "ports[%zu].name", i);
        schema_mistake(walk, port, sub, CAUSE_REQUIRED, "required where there are more ports");
    }
    if (type == LOAD_BALANCER && value_get_int(port, "port", 0) == KUBELET_PORT) {
        snprintf(sub, sizeof(sub), "ports[%zu].port", i);
        schema_mistake(walk, port, sub, CAUSE_INVALID,
                       "may not expose port %d externally since it is used by kubelet",
                       KUBELET_PORT);
    }
    if (type & (CLUSTER_IP | EXTERNAL_NAME) && value_get_int(port, "nodePort", 0) != 0) {
        snprintf(sub, sizeof(sub), "ports[%zu].nodePort", i);
        schema_mistake(walk, value_get(port, "nodePort"), sub, CAUSE_FORBIDDEN,
                       "may not be used when `type` is '%s'",
                       type == CLUSTER_IP ? "ClusterIP" : "ExternalName");
    }
}

static void check_ports(const struct value *spec, struct schema_walk *walk)
{
    const struct value *ports = value_get(spec, "ports");
    size_t len = value_type(ports) == VALUE_LIST ? value_len(ports) : 0;
    if (len == 0 && value_type(ports) <= VALUE_LIST && !is_headless(spec) &&
        type_of(spec) != EXTERNAL_NAME)
        schema_mistake(walk, ports, "ports", CAUSE_REQUIRED, "required");
    for (size_t i = 0; i < len; i++)
        check_port(spec, i, walk);
    check_doubles(ports, key_name, "ports", ".name", walk);
    check_doubles(ports, key_port, "ports", "", walk);
    check_doubles(ports, key_node_port, "ports", ".nodePort", walk);
}

/* ---- addresses ---- */

static void check_one_cluster_ip(const struct value *spec, size_t i, struct schema_walk *walk)
{
    const struct value *item = value_at(value_get(spec, "clusterIPs"), i);
    const char *ip = value_str(item), *family;
    char sub[64];
    snprintf(sub, sizeof(sub), "clusterIPs[%zu]", i);
    if (!ip)
        return;
    if (str_eq(ip, "None")) {
        if (value_len(value_get(spec, "clusterIPs")) > 1)
            schema_mistake(walk, item, sub, CAUSE_INVALID,
                           "'None' must be the first and only value");
        else if (type_of(spec) & (NODE_PORT | LOAD_BALANCER))
            schema_mistake(walk, item, sub, CAUSE_INVALID,
                           "may not be set to 'None' for %s services", value_get_str(spec, "type"));
        return;
    }
    if (format_ip(ip)) {
        schema_mistake(walk, item, sub, CAUSE_INVALID, "\"%.64s\": %s", ip, format_ip(ip));
        return;
    }
    family = value_str(value_at(value_get(spec, "ipFamilies"), i));
    if (family && !str_eq(family, address_family(ip)))
        schema_mistake(walk, item, sub, CAUSE_INVALID,
                       "\"%.64s\": expected an %s value as indicated by `ipFamilies[%zu]`", ip,
                       family, i);
}

static void check_pair(const struct value *spec, const char *field, const char *both,
                       struct schema_walk *walk)
{
    const struct value *list = value_get(spec, field);
    bool single = str_eq(value_get_str(spec, "ipFamilyPolicy"), "SingleStack");
    if (value_len(list) > 2)
        schema_mistake(walk, list, field, CAUSE_INVALID, "may only hold up to 2 values");
    else if (value_len(list) == 2 && value_equal(value_at(list, 0), value_at(list, 1)))
        schema_mistake(walk, list, field, CAUSE_DUPLICATE, "holds the same twice");
    else if (value_len(list) == 2 && single)
        schema_mistake(walk, value_get(spec, "ipFamilyPolicy"), "ipFamilyPolicy", CAUSE_INVALID,
                       "must be 'RequireDualStack' or 'PreferDualStack' when multiple %s are "
                       "specified",
                       both);
}

static void check_cluster_ips(const struct value *spec, struct schema_walk *walk)
{
    const struct value *ips = value_get(spec, "clusterIPs"), *one = value_get(spec, "clusterIP");
    const char *ip = value_str(one);
    if (type_of(spec) == EXTERNAL_NAME)
        return;
    check_pair(spec, "clusterIPs", "'clusterIPs'", walk);
    check_pair(spec, "ipFamilies", "'ipFamilies'", walk);
    for (size_t i = 0; i < value_len(ips) && i < 3; i++)
        check_one_cluster_ip(spec, i, walk);
    if (value_len(ips) > 0 && str_empty(ip))
        schema_mistake(walk, ips, "clusterIPs", CAUSE_FORBIDDEN,
                       "must be empty when `clusterIP` is not specified");
    else if (value_len(ips) > 0 && !str_eq(value_str(value_at(ips, 0)), ip))
        schema_mistake(walk, ips, "clusterIPs", CAUSE_INVALID,
                       "first value must match `clusterIP`");
    else if (value_len(ips) == 0 && !str_empty(ip) && !str_eq(ip, "None") && format_ip(ip))
        schema_mistake(walk, one, "clusterIP", CAUSE_INVALID, "\"%.64s\": %s", ip, format_ip(ip));
    else if (value_len(ips) == 0 && is_headless(spec) &&
             type_of(spec) & (NODE_PORT | LOAD_BALANCER))
        schema_mistake(walk, one, "clusterIP", CAUSE_INVALID,
                       "may not be set to 'None' for %s services", value_get_str(spec, "type"));
}

static void check_affinity(const struct value *spec, struct schema_walk *walk)
{
    const struct value *timeout =
        value_path(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds", NULL);
    int64_t seconds = value_int(timeout, 1);
    if (str_eq(value_get_str(spec, "sessionAffinity"), "ClientIP") &&
        (seconds <= 0 || seconds > 86400))
        schema_mistake(walk, timeout, "sessionAffinityConfig.clientIP.timeoutSeconds",
                       CAUSE_INVALID, "must be greater than 0 and less than 86400");
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    check_fields_of_type(spec, walk);
    check_external_name(spec, walk);
    check_policy(spec, walk);
    check_ports(spec, walk);
    check_cluster_ips(spec, walk);
    check_affinity(spec, walk);
}

/* ---- defaults ---- */

static void fill_affinity(struct value *spec)
{
    if (!str_eq(value_get_str(spec, "sessionAffinity"), "ClientIP")) {
        value_del(spec, "sessionAffinityConfig");
        return;
    }
    struct value *config = value_make_map(spec, "sessionAffinityConfig", "clientIP", NULL);
    if (config && value_type(value_get(config, "timeoutSeconds")) == VALUE_NULL)
        value_set_int(config, "timeoutSeconds", 3 * 3600);
}

static void fill_spec(struct value *spec)
{
    const char *ip = value_get_str(spec, "clusterIP");
    enum service_type type = type_of(spec);
    fill_affinity(spec);
    if (is_external(spec) && str_empty(value_get_str(spec, "externalTrafficPolicy")))
        value_set_str(spec, "externalTrafficPolicy", "Cluster");
    if (type & (CLUSTER_IP | NODE_PORT | LOAD_BALANCER) &&
        str_empty(value_get_str(spec, "internalTrafficPolicy")))
        value_set_str(spec, "internalTrafficPolicy", "Cluster");
    if (type == LOAD_BALANCER && !value_get(spec, "allocateLoadBalancerNodePorts"))
        value_set_bool(spec, "allocateLoadBalancerNodePorts", true);
    if (!str_empty(ip) && value_len(value_get(spec, "clusterIPs")) == 0)
        value_append(value_set(spec, "clusterIPs", value_new_list()), value_new_str(ip));
}

/* Where none is named the pods listen on the port itself. */
static void fill_port(struct value *port)
{
    const struct value *target = value_get(port, "targetPort");
    bool none = value_str(target) ? !*value_str(target) : value_int(target, 0) == 0;
    if (none && value_get(port, "port"))
        value_set(port, "targetPort", value_copy(value_get(port, "port")));
}

/* ---- tables ---- */

static const char *format_target_port(const char *s)
{
    return *s ? format_port_name(s) : NULL; /* "" is none */
}

static const struct schema_rule rule_target_port = {
    .ranged = true, .min = 0, .max = 65535, .format = format_target_port};

static const struct schema_type type_service_port = {
    .name = "ServicePort",
    DOC("A port of a service."),
    .fill = fill_port,
    FIELDS(F(1, "name", STRING, RULE(dns1123_label),
             DOC("Tells the ports apart; needed where there are more.")),
           F(2, "protocol", STRING, DEF("TCP"), ONE_OF("TCP", "UDP", "SCTP"),
             DOC("TCP, UDP or SCTP.")),
           F(6, "appProtocol", STRING, RULE(qualified_name),
             DOC("What is spoken over it: http, kubernetes.io/h2c.")),
           F(3, "port", INT32, REQUIRED, RULE(port), DOC("Where clients find it.")),
           F(4, "targetPort", INT_OR_STRING, OMIT_ZERO, RULE(target_port),
             DOC("The pods' port, by number or name; the same as port if not given.")),
           F(5, "nodePort", INT32, OMIT_ZERO, RANGE(0, 65535),
             DOC("Where each node offers it, with type NodePort or LoadBalancer."))),
};

static const struct schema_type type_client_ip_config = {
    .name = "ClientIPConfig",
    DOC("How clients are kept together by their address."),
    FIELDS(F(1, "timeoutSeconds", INT32,
             DOC("For how long after the last connection; 10800 if not given."))),
};

static const struct schema_type type_session_affinity_config = {
    .name = "SessionAffinityConfig",
    DOC("How a client is kept with one pod."),
    FIELDS(F(1, "clientIP", OBJECT(type_client_ip_config), DOC("By the client's address."))),
};

static const struct schema_type type_service_spec = {
    .name = "ServiceSpec",
    DOC("What a service is to be."),
    .check = check_spec,
    .fill = fill_spec,
    FIELDS(
        F(1, "ports", LIST(OBJECT(type_service_port)), BY("port"),
          DOC("The ports that it offers.")),
        F(2, "selector", MAP(STRING), WHOLE, RULE(label_value), KEYS(format_qualified_name),
          DOC("Labels of the pods that stand behind it; none: its endpoints are made by hand.")),
        F(3, "clusterIP", STRING, DOC("Its address; None for a headless service.")),
        F(18, "clusterIPs", LIST(STRING), DOC("Its addresses, one of each family.")),
        F(4, "type", STRING, DEF("ClusterIP"),
          ONE_OF("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
          DOC("How far it can be reached: ClusterIP, NodePort, LoadBalancer or ExternalName.")),
        F(5, "externalIPs", LIST(STRING), FORMAT(format_plain_ip),
          DOC("Further addresses at which nodes take traffic for it.")),
        F(7, "sessionAffinity", STRING, DEF("None"), ONE_OF("ClientIP", "None"),
          DOC("ClientIP keeps a client with one pod.")),
        F(8, "loadBalancerIP", STRING, DOC("The balancer's address, where a cloud allows it.")),
        F(9, "loadBalancerSourceRanges", LIST(STRING), RULE(cidr),
          DOC("Clients that the balancer lets in.")),
        F(10, "externalName", STRING, DOC("The domain that an ExternalName service stands for.")),
        F(11, "externalTrafficPolicy", STRING, ONE_OF("Cluster", "Local"),
          DOC("Local keeps traffic from outside on the node that it reached.")),
        F(12, "healthCheckNodePort", INT32, OMIT_ZERO, RANGE(0, 65535),
          DOC("Where a balancer asks a node whether it has endpoints.")),
        F(13, "publishNotReadyAddresses", BOOL, OMIT_ZERO,
          DOC("Pods that are not ready count as well.")),
        F(14, "sessionAffinityConfig", OBJECT(type_session_affinity_config),
          DOC("How long a client is kept.")),
        F(19, "ipFamilies", LIST(STRING), ONE_OF("IPv4", "IPv6"),
          DOC("The families of its addresses.")),
        F(17, "ipFamilyPolicy", STRING,
          ONE_OF("SingleStack", "PreferDualStack", "RequireDualStack"),
          DOC("Whether it has addresses of one family or of both.")),
        F(20, "allocateLoadBalancerNodePorts", BOOL,
          DOC("Whether a LoadBalancer service has node ports; true if not given.")),
        F(21, "loadBalancerClass", STRING, RULE(qualified_name), DOC("Who makes the balancer.")),
        F(22, "internalTrafficPolicy", STRING, ONE_OF("Cluster", "Local"),
          DOC("Local keeps traffic from pods on their node.")),
        F(23, "trafficDistribution", STRING,
          ONE_OF("PreferClose", "PreferSameZone", "PreferSameNode"),
          DOC("Which endpoints are preferred: those of the same zone or node."))),
};

static const struct schema_type type_port_status = {
    .name = "PortStatus",
    DOC("How a port of a balancer is."),
    FIELDS(F(1, "port", INT32, REQUIRED, RULE(port), DOC("The port.")),
           F(2, "protocol", STRING, REQUIRED, ONE_OF("TCP", "UDP", "SCTP"), DOC("Its protocol.")),
           F(3, "error", STRING, RULE(qualified_name), DOC("What is wrong with it, in one word."))),
};

static const struct schema_type type_load_balancer_ingress = {
    .name = "LoadBalancerIngress",
    DOC("A way in that a balancer offers."),
    FIELDS(F(1, "ip", STRING, RULE(ip), DOC("Its address.")),
           F(2, "hostname", STRING, RULE(dns1123_subdomain), DOC("Its name.")),
           F(3, "ipMode", STRING, ONE_OF("VIP", "Proxy"),
             DOC("VIP: packets keep the balancer's address; Proxy: they come to the node's.")),
           F(4, "ports", LIST(OBJECT(type_port_status)), DOC("How its ports are."))),
};

static const struct schema_type type_load_balancer_status = {
    .name = "LoadBalancerStatus",
    DOC("What a balancer has made."),
    FIELDS(F(1, "ingress", LIST(OBJECT(type_load_balancer_ingress)), DOC("The ways in."))),
};

static const struct schema_type type_service_status = {
    .name = "ServiceStatus",
    DOC("What has become of a service."),
    FIELDS(F(1, "loadBalancer", OBJECT(type_load_balancer_status), DEF("{}"),
             DOC("What its balancer has made.")),
           F(2, "conditions", LIST(OBJECT(type_condition)), BY("type"), DOC("What holds of it."))),
};

static const struct schema_type type_service = {
    .name = "Service",
    DOC("A name and an address for pods that come and go."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_service_spec), REQUIRED, DOC("What it is to be.")),
           F(3, "status", OBJECT(type_service_status), DOC("What has become of it."))),
};

/* Clients keep an address for long: a service keeps its own as long as its type has one. */
static void check_update(const struct value *old, const struct value *object,
                         struct schema_walk *walk)
{
    const struct value *was = value_get(old, "spec"), *is = value_get(object, "spec");
    const struct value *ip = value_get(is, "clusterIP"),
                       *class = value_get(is, "loadBalancerClass");
    if (type_of(was) != EXTERNAL_NAME && type_of(is) != EXTERNAL_NAME &&
        !str_empty(value_get_str(was, "clusterIP")) && !str_empty(value_str(ip)) &&
        !value_equal(value_get(was, "clusterIP"), ip) && !WEAKENED(SERVICE_CLUSTER_IP))
        schema_mistake(walk, ip, "spec.clusterIPs[0]", CAUSE_INVALID,
                       "\"%.64s\": may not change once set", value_str(ip));
    if (type_of(was) == LOAD_BALANCER && type_of(is) == LOAD_BALANCER &&
        !value_equal(value_get(was, "loadBalancerClass"), class) &&
        (class || value_get(was, "loadBalancerClass")))
        schema_mistake(walk, class, "spec.loadBalancerClass", CAUSE_INVALID,
                       "may not change once set");
}

/* ---- columns ---- */

CELL(cell_cluster_ip)
{
    (void)now_wall_ns;
    const struct value *spec = value_get(object, "spec");
    const char *ip = value_str(value_at(value_get(spec, "clusterIPs"), 0));
    if (str_empty(ip))
        ip = value_get_str(spec, "clusterIP");
    buf_addstr(ret, str_empty(ip) ? "<none>" : ip);
}

/* Appends the strings of a list to what is there since start. */
static __attribute__((unused)) void add_items(const struct value *list, size_t start,
                                              struct buf *ret)
{
    for (size_t i = 0; i < value_len(list); i++) {
        const char *text = value_str(value_at(list, i));
        buf_addf(ret, "%s%s", ret->len > start ? "," : "", text ? text : "");
    }
}

static __attribute__((unused)) void add_ingress(const struct value *object, size_t start,
                                                struct buf *ret)
{
    const struct value *ingress = value_path(object, "status", "loadBalancer", "ingress", NULL);
    for (size_t i = 0; i < value_len(ingress); i++) {
        const char *ip = value_get_str(value_at(ingress, i), "ip");
        const char *name = value_get_str(value_at(ingress, i), "hostname");
        const char *text = str_empty(ip) ? name : ip;
        if (!str_empty(text))
            buf_addf(ret, "%s%s", ret->len > start ? "," : "", text);
    }
}

CELL(cell_external_ip)
{
    (void)now_wall_ns;
    const struct value *spec = value_get(object, "spec");
    enum service_type type = type_of(spec);
    size_t start = ret->len;
    if (type == LOAD_BALANCER)
        add_ingress(object, start, ret);
    if (type & (CLUSTER_IP | NODE_PORT | LOAD_BALANCER))
        add_items(value_get(spec, "externalIPs"), start, ret);
    else if (type == EXTERNAL_NAME && value_get_str(spec, "externalName"))
        buf_addstr(ret, value_get_str(spec, "externalName"));
    if (ret->len == start && type != EXTERNAL_NAME)
        buf_addstr(ret, type == LOAD_BALANCER ? "<pending>" : type ? "<none>" : "<unknown>");
}

CELL(cell_ports)
{
    (void)now_wall_ns;
    const struct value *ports = value_path(object, "spec", "ports", NULL);
    for (size_t i = 0; i < value_len(ports); i++) {
        const struct value *port = value_at(ports, i);
        int64_t node_port = value_get_int(port, "nodePort", 0);
        buf_addf(ret, "%s%lld", i ? "," : "", (long long)value_get_int(port, "port", 0));
        if (node_port > 0)
            buf_addf(ret, ":%lld", (long long)node_port);
        buf_addf(ret, "/%s", protocol_of(port));
    }
    if (value_len(ports) == 0)
        buf_addstr(ret, "<none>");
}

CELL(cell_selector)
{
    (void)now_wall_ns;
    labels_print(value_path(object, "spec", "selector", NULL), ret);
}

const struct schema_kind kind_service = {
    .group = "",
    .version = "v1",
    .kind = "Service",
    .plural = "services",
    .singular = "service",
    .short_names = NAMES("svc"),
    .namespaced = true,
    .flags = SCHEMA_KIND_STATUS | SCHEMA_KIND_INERT,
    .type = &type_service,
    .name = format_dns1035_label,
    .check_update = check_update,
    PROTO("k8s.io.api.core.v1.Service"),
    CATEGORIES("all"),
    COLUMNS({"Name", "string", .path = "metadata.name"}, {"Type", "string", .path = "spec.type"},
            {"Cluster-IP", "string", .cell = cell_cluster_ip},
            {"External-IP", "string", .cell = cell_external_ip},
            {"Port(s)", "string", .cell = cell_ports},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"Selector", "string", 1, .cell = cell_selector}),
    SELECTABLE({"spec.clusterIP"}, {"spec.type"}),
};
