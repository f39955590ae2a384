#include "controller/api/service_kept.h"

#include "common/base/map.h"
#include "common/base/str.h"

#include <stdio.h>

static bool is_of(const struct value *spec, const char *type)
{
    return str_eq(value_get_str(spec, "type"), type);
}

static bool has_address(const struct value *spec)
{
    return !is_of(spec, "ExternalName");
}

static bool has_node_ports(const struct value *spec)
{
    return is_of(spec, "NodePort") || (is_of(spec, "LoadBalancer") &&
                                       value_get_bool(spec, "allocateLoadBalancerNodePorts", true));
}

static bool has_health_check(const struct value *spec)
{
    return is_of(spec, "LoadBalancer") &&
           str_eq(value_get_str(spec, "externalTrafficPolicy"), "Local");
}

static void keep_addresses(const struct value *was, struct value *is)
{
    const char *ip = value_get_str(was, "clusterIP");
    const struct value *ips = value_get(was, "clusterIPs");
    if (!str_empty(ip) && str_empty(value_get_str(is, "clusterIP")))
        value_set_str(is, "clusterIP", ip);
    if (value_len(ips) > 0 && value_len(value_get(is, "clusterIPs")) == 0 &&
        str_eq(ip, value_get_str(is, "clusterIP")))
        value_set(is, "clusterIPs", value_copy(ips));
}

static const char *name_of(const struct value *port)
{
    const char *name = value_get_str(port, "name");
    return name ? name : "";
}

/* By their names; none that another of its ports has taken. */
static void keep_node_ports(const struct value *was, struct value *is)
{
    const struct value *before = value_get(was, "ports");
    struct value *after = value_get(is, "ports");
    struct map *old = map_new(), *used = map_new();
    char key[24];
    for (size_t i = 0; i < value_len(before); i++)
        map_put(old, name_of(value_at(before, i)), value_at(before, i));
    for (size_t i = 0; i < value_len(after); i++) {
        snprintf(key, sizeof(key), "%lld",
                 (long long)value_get_int(value_at(after, i), "nodePort", 0));
        map_put(used, key, after);
    }
    for (size_t i = 0; i < value_len(after); i++) {
        struct value *port = value_at(after, i);
        int64_t number = value_get_int(map_get(old, name_of(port)), "nodePort", 0);
        snprintf(key, sizeof(key), "%lld", (long long)number);
        if (number > 0 && value_get_int(port, "nodePort", 0) == 0 && !map_get(used, key))
            value_set_int(port, "nodePort", number);
    }
    map_free(old, NULL);
    map_free(used, NULL);
}

void service_keep(const struct value *stored, struct value *object)
{
    const struct value *was = value_get(stored, "spec");
    struct value *is = value_get(object, "spec");
    int64_t health = value_get_int(was, "healthCheckNodePort", 0);
    if (has_address(was) && has_address(is))
        keep_addresses(was, is);
    if (has_node_ports(was) && has_node_ports(is))
        keep_node_ports(was, is);
    if (health > 0 && has_health_check(was) && has_health_check(is) &&
        value_get_int(is, "healthCheckNodePort", 0) == 0)
        value_set_int(is, "healthCheckNodePort", health);
}
