#pragma once
/* Which ports of the node lead to which pod: what the maps of the ruleset hold, as text for `nft`,
 * as elements for the kernel and as the file that an agent leaves to the next one. IPv4. Pure. */

#include "common/base/buf.h"
#include "common/kinds/host_ports.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The two maps: of ports of one address, and of those of all addresses. */
#define PORT_MAP_ONE "host_ports"
#define PORT_MAP_ALL "any_ports"

/* From there to there. Host byte order. */
struct port_rule {
    uint32_t host_ip; /* 0: all of the node's */
    uint16_t port;
    uint8_t protocol;
    uint32_t pod_ip;
    uint16_t pod_port;
};
struct port_rules {
    struct port_rule *items;
    size_t count;
};
void port_rules_done(struct port_rules *rules);

struct port_map;
struct port_map *port_map_new(void);
void port_map_free(struct port_map *map);
bool port_map_is_empty(const struct port_map *map);

/* What changes when the pod has these ports (NULL or none: when it has none any more): appended to
 * what goes and what comes. A port that another pod has is taken from it: the later one has it.
 * Ports of IPv6 addresses are left out. */
void port_map_set(struct port_map *map, const char *uid, uint32_t pod_ip,
                  const struct host_ports *ports, struct port_rules *ret_gone,
                  struct port_rules *ret_come);

/* All of one of the two maps, as nft reads elements: "tcp . 80 : 10.42.7.2 . 8080, ...". */
void port_map_elements(const struct port_map *map, bool all_addresses, struct buf *ret);

#define PORT_FILE_MAX ((size_t)1024 * 1024)
/* A line a port; parse takes back what format gave. -EINVAL. */
void port_file_format(const struct host_ports *ports, struct buf *ret);
nodiscard int port_file_parse(const char *text, struct host_ports *ret);

#include "common/base/cleanup.h"
CLEANUP_DEFINE_VALUE(struct port_rules, port_rules_done);
