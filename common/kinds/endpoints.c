/* core/v1 Endpoints. */

#include "common/base/str.h"
#include "common/kinds/address.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

#include <stdio.h>

static void check_subset(const struct value *subset, struct schema_walk *walk)
{
    const struct value *ports = value_get(subset, "ports");
    if (value_len(value_get(subset, "addresses")) == 0 &&
        value_len(value_get(subset, "notReadyAddresses")) == 0)
        schema_mistake(walk, subset, NULL, CAUSE_REQUIRED,
                       "must specify `addresses` or `notReadyAddresses`");
    for (size_t i = 0;
         value_type(ports) == VALUE_LIST && value_len(ports) > 1 && i < value_len(ports); i++) {
        char sub[64];
        if (!str_empty(value_get_str(value_at(ports, i), "name")))
            continue;
        snprintf(sub, sizeof(sub), "ports[%zu].name", i);
        schema_mistake(walk, value_at(ports, i), sub, CAUSE_REQUIRED,
                       "required where there are more ports");
    }
}

static const struct schema_type type_endpoint_address = {
    .name = "EndpointAddress",
    .whole = true,
    DOC("Where one of the pods is."),
    FIELDS(F(1, "ip", STRING, REQUIRED, FORMAT(format_plain_ip), DOC("Its address.")),
           F(3, "hostname", STRING, RULE(dns1123_label), DOC("Its host name.")),
           F(4, "nodeName", STRING, RULE(dns1123_subdomain), DOC("The node that it is on.")),
           F(2, "targetRef", OBJECT(type_object_reference), DOC("The pod."))),
};

static const struct schema_type type_endpoint_port = {
    .name = "EndpointPort",
    DOC("A port of all addresses of a subset."),
    FIELDS(F(1, "name", STRING, RULE(dns1123_label),
             DOC("The name of the service's port; needed where there are more.")),
           F(2, "port", INT32, REQUIRED, RULE(port), DOC("Its number.")),
           F(3, "protocol", STRING, DEF("TCP"), ONE_OF("TCP", "UDP", "SCTP"),
             DOC("TCP, UDP or SCTP.")),
           F(4, "appProtocol", STRING, RULE(qualified_name),
             DOC("What is spoken over it: http, kubernetes.io/h2c."))),
};

static const struct schema_type type_endpoint_subset = {
    .name = "EndpointSubset",
    DOC("Addresses that all have the same ports."),
    .check = check_subset,
    FIELDS(F(1, "addresses", LIST(OBJECT(type_endpoint_address)), DOC("Those that are ready.")),
           F(2, "notReadyAddresses", LIST(OBJECT(type_endpoint_address)),
             DOC("Those that are not ready.")),
           F(3, "ports", LIST(OBJECT(type_endpoint_port)), DOC("The ports of each of them."))),
};

static const struct schema_type type_endpoints = {
    .name = "Endpoints",
    DOC("Where the pods of the service of the same name are; EndpointSlices say more."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "subsets", LIST(OBJECT(type_endpoint_subset)),
             DOC("The addresses, by the ports that they have."))),
};

/* The first three, and how many more there are. */
enum { SHOWN = 3 };

/* The first ones of a subset, after `count` of others; returns how many it has. */
static __attribute__((unused)) size_t add_subset(const struct value *subset, size_t count,
                                                 struct buf *ret)
{
    const struct value *ports = value_get(subset, "ports");
    const struct value *addresses = value_get(subset, "addresses");
    size_t len = value_len(addresses), all = len * (value_len(ports) ? value_len(ports) : 1);
    for (size_t n = 0; n < all && count + n < SHOWN; n++) {
        const char *ip = value_get_str(value_at(addresses, n % len), "ip");
        const struct value *port = value_at(ports, n / len);
        buf_addf(ret, ip && port && strchr(ip, ':') ? "%s[%s]" : "%s%s", count + n ? "," : "",
                 ip ? ip : "");
        if (port)
            buf_addf(ret, ":%lld", (long long)value_get_int(port, "port", 0));
    }
    return all;
}

CELL(cell_endpoints)
{
    (void)now_wall_ns;
    const struct value *subsets = value_get(object, "subsets");
    size_t count = 0;
    for (size_t i = 0; i < value_len(subsets); i++)
        count += add_subset(value_at(subsets, i), count, ret);
    if (value_len(subsets) == 0)
        buf_addstr(ret, "<none>");
    else if (count > SHOWN)
        buf_addf(ret, " + %zu more...", count - SHOWN);
}

const struct schema_kind kind_endpoints = {
    .group = "",
    .version = "v1",
    .kind = "Endpoints",
    .plural = "endpoints",
    .singular = "endpoints",
    .short_names = NAMES("ep"),
    .namespaced = true,
    .flags = SCHEMA_KIND_INERT,
    .type = &type_endpoints,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.core.v1.Endpoints"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Endpoints", "string", .cell = cell_endpoints},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
