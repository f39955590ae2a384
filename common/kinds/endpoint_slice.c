/* discovery.k8s.io/v1 EndpointSlice. */

#include "common/base/str.h"
#include "common/kinds/address.h"
#include "common/kinds/doubles.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

#include <stdio.h>

enum { ENDPOINTS_MAX = 1000, ADDRESSES_MAX = 100, PORTS_MAX = 20000, HINTS_MAX = 8 };

static void check_count(const struct value *object, const char *field, size_t max,
                        struct schema_walk *walk)
{
    const struct value *list = value_get(object, field);
    if (value_type(list) == VALUE_LIST && value_len(list) > max)
        schema_mistake(walk, list, field, CAUSE_INVALID, "%zu: must have at most %zu items",
                       value_len(list), max);
}

static const char *wrong_address(const char *type, const char *address)
{
    if (str_eq(type, "FQDN"))
        return strchr(address, '.') ? format_dns1123_subdomain(address)
                                    : "must be a fully qualified domain name";
    if (!str_eq(type, address_family(address)))
        return str_eq(type, "IPv4") ? "must be an IPv4 address" : "must be an IPv6 address";
    return format_plain_ip(address);
}

static void check_addresses(const struct value *slice, size_t i, struct schema_walk *walk)
{
    const struct value *type = value_get(slice, "addressType");
    const struct value *addresses =
        value_get(value_at(value_get(slice, "endpoints"), i), "addresses");
    bool known = str_eq(value_str(type), "IPv4") || str_eq(value_str(type), "IPv6") ||
                 str_eq(value_str(type), "FQDN");
    for (size_t n = 0; known && n < value_len(addresses) && n < ADDRESSES_MAX; n++) {
        const char *address = value_str(value_at(addresses, n));
        const char *wrong = address ? wrong_address(value_str(type), address) : NULL;
        char sub[96];
        if (!wrong)
            continue;
        snprintf(sub, sizeof(sub), "endpoints[%zu].addresses[%zu]", i, n);
        schema_mistake(walk, value_at(addresses, n), sub, CAUSE_INVALID, "\"%.64s\": %s", address,
                       wrong);
    }
}

/* Ports without a name are of one name: "". */
static void key_name(const struct value *port, struct buf *ret)
{
    const char *name = value_get_str(port, "name");
    buf_addf(ret, " %s", name ? name : "");
}

static void check_slice(const struct value *slice, struct schema_walk *walk)
{
    const struct value *endpoints = value_get(slice, "endpoints");
    check_count(slice, "endpoints", ENDPOINTS_MAX, walk);
    check_count(slice, "ports", PORTS_MAX, walk);
    for (size_t i = 0; i < value_len(endpoints) && i < ENDPOINTS_MAX; i++)
        check_addresses(slice, i, walk);
    check_doubles(value_get(slice, "ports"), key_name, "ports", ".name", walk);
}

static void check_endpoint(const struct value *endpoint, struct schema_walk *walk)
{
    check_count(endpoint, "addresses", ADDRESSES_MAX, walk);
}

static void check_hints(const struct value *hints, struct schema_walk *walk)
{
    check_count(hints, "forZones", HINTS_MAX, walk);
    check_count(hints, "forNodes", HINTS_MAX, walk);
}

static const struct schema_type type_endpoint_conditions = {
    .name = "EndpointConditions",
    DOC("How an endpoint is."),
    FIELDS(F(1, "ready", BOOL, DOC("It takes traffic; so it does if that is not said.")),
           F(2, "serving", BOOL, DOC("The same, whether or not it is about to end.")),
           F(3, "terminating", BOOL, DOC("It is about to end."))),
};

static const struct schema_type type_for_zone = {
    .name = "ForZone",
    DOC("A zone whose clients an endpoint is for."),
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(label_value), DOC("Its name."))),
};

static const struct schema_type type_for_node = {
    .name = "ForNode",
    DOC("A node whose clients an endpoint is for."),
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1123_subdomain), DOC("Its name."))),
};

static const struct schema_type type_endpoint_hints = {
    .name = "EndpointHints",
    DOC("Which clients an endpoint is for."),
    .check = check_hints,
    FIELDS(F(1, "forZones", LIST(OBJECT(type_for_zone)), DISTINCT_BY("name"),
             DOC("Those of these zones.")),
           F(2, "forNodes", LIST(OBJECT(type_for_node)), DISTINCT_BY("name"),
             DOC("Those of these nodes."))),
};

static const struct schema_type type_endpoint = {
    .name = "Endpoint",
    DOC("One of those that stand behind a service."),
    .check = check_endpoint,
    FIELDS(F(1, "addresses", LIST(STRING), .flags = SCHEMA_REQUIRED | SCHEMA_SET | SCHEMA_UNIQUE,
             DOC("Its addresses; clients may take the first alone.")),
           F(2, "conditions", OBJECT(type_endpoint_conditions), DOC("How it is.")),
           F(3, "hostname", STRING, RULE(dns1123_label), DOC("Its host name.")),
           F(4, "targetRef", OBJECT(type_object_reference), DOC("The object that it is.")),
           F(5, "deprecatedTopology", MAP(STRING), DOC("Of v1beta1; nodeName and zone say it.")),
           F(6, "nodeName", STRING, RULE(dns1123_subdomain), DOC("The node that it is on.")),
           F(7, "zone", STRING, RULE(label_value), DOC("The zone that it is in.")),
           F(8, "hints", OBJECT(type_endpoint_hints), DOC("Which clients it is for."))),
};

static const struct schema_type type_slice_port = {
    .name = "EndpointPort",
    DOC("A port of all endpoints of a slice."),
    FIELDS(F(1, "name", STRING, DEF(""), RULE(dns1123_label),
             DOC("The name of the service's port; no two are the same.")),
           F(2, "protocol", STRING, DEF("TCP"), ONE_OF("TCP", "UDP", "SCTP"),
             DOC("TCP, UDP or SCTP.")),
           F(3, "port", INT32, RULE(port), DOC("Its number; none: all ports.")),
           F(4, "appProtocol", STRING, RULE(qualified_name),
             DOC("What is spoken over it: http, kubernetes.io/h2c."))),
};

static const struct schema_type type_endpoint_slice = {
    .name = "EndpointSlice",
    DOC("Some of those that stand behind a service, which its label kubernetes.io/service-name "
        "names."),
    .check = check_slice,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(4, "addressType", STRING, ONE_OF("IPv4", "IPv6", "FQDN"),
             .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
             DOC("What its addresses are: IPv4, IPv6 or FQDN.")),
           F(2, "endpoints", LIST(OBJECT(type_endpoint)), DOC("The endpoints, 1000 at most.")),
           F(3, "ports", LIST(OBJECT(type_slice_port)), DOC("The ports of each of them."))),
};

/* The first three, and how many more there are. */
enum { SHOWN = 3 };

static __attribute__((unused)) void end_list(size_t count, struct buf *ret)
{
    if (count == 0)
        buf_addstr(ret, "<unset>");
    else if (count > SHOWN)
        buf_addf(ret, " + %zu more...", count - SHOWN);
}

CELL(cell_ports)
{
    (void)now_wall_ns;
    const struct value *ports = value_get(object, "ports");
    for (size_t i = 0; i < value_len(ports) && i < SHOWN; i++) {
        const struct value *port = value_at(ports, i);
        int64_t number = value_get_int(port, "port", 0);
        const char *name = value_get_str(port, "name");
        buf_addstr(ret, i ? "," : "");
        if (number > 0)
            buf_addf(ret, "%lld", (long long)number);
        else
            buf_addstr(ret, str_empty(name) ? "*" : name);
    }
    end_list(value_len(ports), ret);
}

CELL(cell_endpoints)
{
    (void)now_wall_ns;
    const struct value *endpoints = value_get(object, "endpoints");
    size_t count = 0;
    for (size_t i = 0; i < value_len(endpoints); i++) {
        const struct value *addresses = value_get(value_at(endpoints, i), "addresses");
        for (size_t n = 0; n < value_len(addresses); n++, count++) {
            const char *address = value_str(value_at(addresses, n));
            if (count < SHOWN)
                buf_addf(ret, "%s%s", count ? "," : "", address ? address : "");
        }
    }
    end_list(count, ret);
}

const struct schema_kind kind_endpoint_slice = {
    .group = "discovery.k8s.io",
    .version = "v1",
    .kind = "EndpointSlice",
    .plural = "endpointslices",
    .singular = "endpointslice",
    .namespaced = true,
    .flags = SCHEMA_KIND_INERT,
    .type = &type_endpoint_slice,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.discovery.v1.EndpointSlice"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"AddressType", "string", .path = "addressType"},
            {"Ports", "string", .cell = cell_ports},
            {"Endpoints", "string", .cell = cell_endpoints},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
