#include "agent/net/nat_rules.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

char *nat_rules_table(const char *bridge)
{
    return xasprintf("limpet-%s", bridge);
}

static void add_map(const struct port_map *ports, bool all_addresses, struct buf *ret)
{
    cleanup(buf_done) struct buf elements;
    buf_init(&elements, 0);
    port_map_elements(ports, all_addresses, &elements);
    (void)buf_addf(ret,
                   "  map %s {\n"
                   "    type %sinet_proto . inet_service : ipv4_addr . inet_service\n",
                   all_addresses ? PORT_MAP_ALL : PORT_MAP_ONE,
                   all_addresses ? "" : "ipv4_addr . ");
    if (elements.len)
        (void)buf_addf(ret, "    elements = { %s }\n", buf_str(&elements));
    (void)buf_addstr(ret, "  }\n");
}

/* From outside, from pods and from the node itself, to an address of the node. Where the bridge may
 * carry what comes from 127.0.0.1 (route_localnet), pods must not reach the node's loopback. */
static void add_ports(const char *bridge, const struct port_map *ports, struct buf *ret)
{
    add_map(ports, false, ret);
    add_map(ports, true, ret);
    if (!WEAKENED(NET_LOOPBACK))
        (void)buf_addf(ret,
                       "  chain loopback {\n"
                       "    type filter hook prerouting priority raw; policy accept;\n"
                       "    iifname \"%s\" ip daddr 127.0.0.0/8 drop\n"
                       "  }\n",
                       bridge);
    (void)buf_addstr(ret,
                     "  chain ports {\n"
                     "    dnat ip to ip daddr . meta l4proto . th dport map @" PORT_MAP_ONE "\n"
                     "    dnat ip to meta l4proto . th dport map @" PORT_MAP_ALL "\n"
                     "  }\n"
                     "  chain prerouting {\n"
                     "    type nat hook prerouting priority -100; policy accept;\n"
                     "    fib daddr type local jump ports\n"
                     "  }\n"
                     "  chain output {\n"
                     "    type nat hook output priority -100; policy accept;\n"
                     "    fib daddr type local jump ports\n"
                     "  }\n");
}

char *nat_rules_text(const char *bridge, const char *cidr, const struct port_map *ports)
{
    autofree char *table = nat_rules_table(bridge);
    struct buf text;
    buf_init(&text, 0);
    (void)buf_addf(&text, "table ip %s\ndelete table ip %s\ntable ip %s {\n", table, table, table);
    if (ports)
        add_ports(bridge, ports, &text);
    (void)buf_addf(&text,
                   "  chain postrouting {\n"
                   "    type nat hook postrouting priority srcnat; policy accept;\n"
                   "    ip saddr %s oifname != \"%s\" masquerade\n",
                   cidr, bridge);
    if (ports) /* answers must come back this way, not from pod to pod */
        (void)buf_addf(
            &text, "    oifname \"%s\" ct status dnat ip saddr { %s, 127.0.0.0/8 } masquerade\n",
            bridge, cidr);
    (void)buf_addstr(&text, "  }\n}\n");
    return buf_steal(&text, NULL);
}
