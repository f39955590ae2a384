#include "agent/net/port_map.h"

#include "agent/net/addresses.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
    struct port_rule rule;
    char *uid;
};

struct port_map {
    struct map *entries; /* key_of -> struct entry */
};

void port_rules_done(struct port_rules *rules)
{
    free(rules->items);
    *rules = (struct port_rules){0};
}

static void push(struct port_rules *rules, const struct port_rule *rule)
{
    rules->items = xreallocarray(rules->items, rules->count + 1, sizeof(*rules->items));
    rules->items[rules->count++] = *rule;
}

struct port_map *port_map_new(void)
{
    struct port_map *map = xcalloc(1, sizeof(*map));
    map->entries = map_new();
    return map;
}

static void entry_free(void *p)
{
    struct entry *entry = p;
    if (!entry)
        return;
    free(entry->uid);
    free(entry);
}

void port_map_free(struct port_map *map)
{
    if (!map)
        return;
    map_free(map->entries, entry_free);
    free(map);
}

bool port_map_is_empty(const struct port_map *map)
{
    return map_len(map->entries) == 0;
}

#define KEY_MAX 32

static void key_of(const struct port_rule *rule, char ret[KEY_MAX])
{
    snprintf(ret, KEY_MAX, "%08x/%u/%u", rule->host_ip, rule->protocol, rule->port);
}

static bool same_rule(const struct port_rule *a, const struct port_rule *b)
{
    return a->host_ip == b->host_ip && a->port == b->port && a->protocol == b->protocol &&
           a->pod_ip == b->pod_ip && a->pod_port == b->pod_port;
}

/* False: not one of IPv4. */
static bool rule_of(const struct host_port *port, uint32_t pod_ip, struct port_rule *ret)
{
    *ret = (struct port_rule){.port = port->port,
                              .protocol = port->protocol,
                              .pod_ip = pod_ip,
                              .pod_port = port->container};
    return !*port->ip || address_parse(port->ip, &ret->host_ip) == 0;
}

static void put(struct port_map *map, const char *uid, const struct port_rule *rule,
                struct port_rules *ret_gone, struct port_rules *ret_come)
{
    char key[KEY_MAX];
    key_of(rule, key);
    struct entry *entry = map_get(map->entries, key);
    if (entry && str_eq(entry->uid, uid) && same_rule(&entry->rule, rule))
        return;
    if (entry)
        push(ret_gone, &entry->rule);
    entry_free(map_del(map->entries, key));
    entry = xcalloc(1, sizeof(*entry));
    entry->rule = *rule;
    entry->uid = xstrdup(uid);
    (void)map_put(map->entries, key, entry);
    push(ret_come, rule);
}

/* Of the pod's, those that are not among the rules. */
static void drop_others(struct port_map *map, const char *uid, const struct map *kept,
                        struct port_rules *ret_gone)
{
    const size_t from = ret_gone->count;
    void *p;
    for (size_t i = 0; map_next(map->entries, &i, NULL, &p);) {
        const struct entry *entry = p;
        char key[KEY_MAX];
        key_of(&entry->rule, key);
        if (str_eq(entry->uid, uid) && !map_get(kept, key))
            push(ret_gone, &entry->rule);
    }
    for (size_t i = from; i < ret_gone->count; i++) {
        char key[KEY_MAX];
        key_of(&ret_gone->items[i], key);
        entry_free(map_del(map->entries, key));
    }
}

void port_map_set(struct port_map *map, const char *uid, uint32_t pod_ip,
                  const struct host_ports *ports, struct port_rules *ret_gone,
                  struct port_rules *ret_come)
{
    struct map *kept = map_new();
    struct port_rule rule;
    char key[KEY_MAX];
    for (size_t i = 0; ports && i < ports->count; i++) {
        if (!rule_of(&ports->items[i], pod_ip, &rule))
            continue;
        key_of(&rule, key);
        if (map_get(kept, key)) /* twice in one pod: the first has it */
            continue;
        (void)map_put(kept, key, map);
        put(map, uid, &rule, ret_gone, ret_come);
    }
    drop_others(map, uid, kept, ret_gone);
    map_free(kept, NULL);
}

static const char *protocol_name(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_SCTP:
        return "sctp";
    default:
        return "tcp";
    }
}

void port_map_elements(const struct port_map *map, bool all_addresses, struct buf *ret)
{
    const char *comma = "";
    void *p;
    for (size_t i = 0; map_next(map->entries, &i, NULL, &p);) {
        const struct port_rule *rule = &((const struct entry *)p)->rule;
        char host[ADDRESS_TEXT], pod[ADDRESS_TEXT];
        if (!rule->host_ip != all_addresses)
            continue;
        address_format(rule->host_ip, host);
        address_format(rule->pod_ip, pod);
        (void)buf_addf(ret, "%s%s%s%s . %u : %s . %u", comma, all_addresses ? "" : host,
                       all_addresses ? "" : " . ", protocol_name(rule->protocol), rule->port, pod,
                       rule->pod_port);
        comma = ", ";
    }
}

void port_file_format(const struct host_ports *ports, struct buf *ret)
{
    for (size_t i = 0; i < ports->count; i++) {
        const struct host_port *port = &ports->items[i];
        (void)buf_addf(ret, "%u %u %u %s\n", port->protocol, port->port, port->container,
                       *port->ip ? port->ip : "*");
    }
}

int port_file_parse(const char *text, struct host_ports *ret)
{
    cleanup(host_ports_done) struct host_ports ports = {0};
    while (*text) {
        unsigned protocol = 0, port = 0, container = 0;
        struct host_port one = {0};
        int len = 0;
        if (sscanf(text, "%3u %5u %5u %45[0-9a-fA-F.:*]\n%n", &protocol, &port, &container, one.ip,
                   &len) != 4 ||
            len == 0 || protocol > UINT8_MAX || port == 0 || port > UINT16_MAX || container == 0 ||
            container > UINT16_MAX)
            return -EINVAL;
        one.protocol = (uint8_t)protocol;
        one.port = (uint16_t)port;
        one.container = (uint16_t)container;
        if (str_eq(one.ip, "*"))
            one.ip[0] = '\0';
        const struct host_ports more = {&one, 1};
        host_ports_add(&ports, &more);
        text += len;
    }
    *ret = ports;
    ports = (struct host_ports){0};
    return 0;
}
