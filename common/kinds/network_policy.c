/* networking.k8s.io/v1 NetworkPolicy. */

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"
#include "common/kinds/types.h"
#include "common/kinds/workload.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- address blocks ---- */

struct block {
    unsigned char address[16];
    int family;
    unsigned bits;
};

static bool read_block(const char *text, struct block *ret)
{
    char address[64];
    const char *slash = text ? strchr(text, '/') : NULL;
    if (!slash || format_cidr(text))
        return false;
    snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
    ret->bits = (unsigned)strtoul(slash + 1, NULL, 10);
    ret->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    return inet_pton(ret->family, address, ret->address) == 1;
}

static bool is_within(const struct block *small, const struct block *large)
{
    if (small->family != large->family || small->bits <= large->bits)
        return false;
    for (unsigned bit = 0; bit < large->bits; bit++)
        if ((small->address[bit / 8] ^ large->address[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

static void check_block(const struct value *block, struct schema_walk *walk)
{
    const struct value *except = value_get(block, "except");
    struct block large, small;
    if (!read_block(value_get_str(block, "cidr"), &large))
        return;
    for (size_t i = 0; i < value_len(except); i++) {
        const char *text = value_str(value_at(except, i));
        char sub[32];
        snprintf(sub, sizeof(sub), "except[%zu]", i);
        if (read_block(text, &small) && !is_within(&small, &large))
            schema_mistake(walk, value_at(except, i), sub, CAUSE_INVALID,
                           "\"%.64s\": must be a strict subset of `cidr`", text);
    }
}

static const struct schema_type type_ip_block = {
    .name = "IPBlock",
    DOC("A range of addresses, and what is left out of it."),
    .check = check_block,
    FIELDS(F(1, "cidr", STRING, REQUIRED, RULE(cidr), DOC("The range: \"10.0.0.0/8\".")),
           F(2, "except", LIST(STRING), RULE(cidr), DOC("Ranges within it that are left out."))),
};

/* ---- rules ---- */

static void check_port(const struct value *port, struct schema_walk *walk)
{
    const struct value *first = value_get(port, "port"), *last = value_get(port, "endPort");
    const char *wrong = NULL;
    if (value_type(last) == VALUE_NULL)
        return;
    if (value_type(first) == VALUE_NULL)
        wrong = "may not be specified when `port` is not specified";
    else if (value_type(first) == VALUE_STRING)
        wrong = "may not be specified when `port` is non-numeric";
    else if (value_int(last, 0) < value_int(first, 0))
        wrong = "must be greater than or equal to `port`";
    if (wrong)
        schema_mistake(walk, last, "endPort", CAUSE_INVALID, "%s", wrong);
}

static const struct schema_rule rule_port_or_name = {
    .ranged = true, .min = 1, .max = 65535, .format = format_port_name};

static const struct schema_type type_network_policy_port = {
    .name = "NetworkPolicyPort",
    DOC("A port, or a range of ports, that is let through."),
    .check = check_port,
    FIELDS(F(1, "protocol", STRING, DEF("TCP"), ONE_OF("TCP", "UDP", "SCTP"),
             DOC("TCP, UDP or SCTP.")),
           F(2, "port", INT_OR_STRING, RULE(port_or_name),
             DOC("Its number, or the name that the pod gives it; all if not given.")),
           F(3, "endPort", INT32, RULE(port), DOC("The last port of a range."))),
};

static void check_peer(const struct value *peer, struct schema_walk *walk)
{
    bool selected = value_type(value_get(peer, "podSelector")) != VALUE_NULL ||
                    value_type(value_get(peer, "namespaceSelector")) != VALUE_NULL;
    bool block = value_type(value_get(peer, "ipBlock")) != VALUE_NULL;
    if (selected && block && !WEAKENED(NETWORK_POLICY_PEER))
        schema_mistake(walk, peer, "", CAUSE_FORBIDDEN,
                       "may not specify both ipBlock and another peer");
    else if (!selected && !block)
        schema_mistake(walk, peer, "", CAUSE_REQUIRED, "must specify a peer");
}

static const struct schema_type type_network_policy_peer = {
    .name = "NetworkPolicyPeer",
    DOC("Whom pods may talk with."),
    .check = check_peer,
    FIELDS(F(1, "podSelector", OBJECT(type_label_selector),
             DOC("Pods by label; an empty one is all.")),
           F(2, "namespaceSelector", OBJECT(type_label_selector),
             DOC("Their namespaces by label; the policy's own if not given.")),
           F(3, "ipBlock", OBJECT(type_ip_block), DOC("Addresses, beside no selector."))),
};

static const struct schema_type type_ingress_rule = {
    .name = "NetworkPolicyIngressRule",
    DOC("Connections to the pods that are let through."),
    FIELDS(F(1, "ports", LIST(OBJECT(type_network_policy_port)),
             DOC("To these ports; all if there are none.")),
           F(2, "from", LIST(OBJECT(type_network_policy_peer)),
             DOC("From these; from everywhere if there are none."))),
};

static const struct schema_type type_egress_rule = {
    .name = "NetworkPolicyEgressRule",
    DOC("Connections of the pods that are let through."),
    FIELDS(F(1, "ports", LIST(OBJECT(type_network_policy_port)),
             DOC("To these ports; all if there are none.")),
           F(2, "to", LIST(OBJECT(type_network_policy_peer)),
             DOC("To these; to everywhere if there are none."))),
};

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    const struct value *types = value_get(spec, "policyTypes");
    if (value_len(types) > 2)
        schema_mistake(walk, types, "policyTypes", CAUSE_INVALID,
                       "may not specify more than two policyTypes");
}

static void fill_spec(struct value *spec)
{
    if (value_len(value_get(spec, "policyTypes")) > 0)
        return;
    struct value *types = value_set(spec, "policyTypes", value_new_list());
    value_append(types, value_new_str("Ingress"));
    if (value_len(value_get(spec, "egress")) > 0)
        value_append(types, value_new_str("Egress"));
}

static const struct schema_type type_network_policy_spec = {
    .name = "NetworkPolicySpec",
    DOC("Which pods are shut off, but for which connections."),
    .check = check_spec,
    .fill = fill_spec,
    FIELDS(F(1, "podSelector", OBJECT(type_label_selector), DEF("{}"),
             DOC("Which pods; an empty one is all of the namespace.")),
           F(2, "ingress", LIST(OBJECT(type_ingress_rule)),
             DOC("Connections to them that are let through; none if there is no rule.")),
           F(3, "egress", LIST(OBJECT(type_egress_rule)),
             DOC("Connections of theirs that are let through; none if there is no rule.")),
           F(4, "policyTypes", LIST(STRING), ONE_OF("Ingress", "Egress"),
             DOC("Whether they are shut off for Ingress, Egress or both."))),
};

static const struct schema_type type_network_policy = {
    .name = "NetworkPolicy",
    DOC("Whom pods may talk with."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("The object's name, labels and history.")),
        F(2, "spec", OBJECT(type_network_policy_spec), DEF("{}"), DOC("What is wanted."))),
};

SELECTOR_CELL(cell_pods, "spec", "podSelector")

const struct schema_kind kind_network_policy = {
    .group = "networking.k8s.io",
    .version = "v1",
    .kind = "NetworkPolicy",
    .plural = "networkpolicies",
    .singular = "networkpolicy",
    .short_names = NAMES("netpol"),
    .namespaced = true,
    .flags = SCHEMA_KIND_INERT,
    .type = &type_network_policy,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.networking.v1.NetworkPolicy"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Pod-Selector", "string", .cell = cell_pods},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
