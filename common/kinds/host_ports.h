#pragma once
/* The ports of its node that a pod takes (core/v1 ContainerPort: hostPort, hostIP, protocol), and
 * whether two pods want the same one. Pure. */

#include "common/data/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_PORTS_NAME "NodePorts" /* the check, and a node's reason to turn a pod away */
#define HOST_PORTS_WHY "node(s) didn't have free ports for the requested pod ports"

#define HOST_IP_MAX 46

struct host_port {
    uint16_t port;        /* of the node, never 0 */
    uint16_t container;   /* of the pod */
    uint8_t protocol;     /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
    char ip[HOST_IP_MAX]; /* text; "" = all of the node's addresses */
};
struct host_ports { /* sorted by port and protocol; zeroed: none */
    struct host_port *items;
    size_t count;
};
/* Of a spec that is checked and defaulted: of its containers, and of the init containers that stay.
 * What is no port is left out. */
void host_ports_read(struct host_ports *ret, const struct value *spec);
void host_ports_done(struct host_ports *ports);
/* One of a's is one of b's: same port and protocol, and the same address, or one is for all. */
bool host_ports_clash(const struct host_ports *a, const struct host_ports *b);
bool host_ports_same(const struct host_ports *a, const struct host_ports *b);
/* A pod's come to those that are taken, or leave them. */
void host_ports_add(struct host_ports *taken, const struct host_ports *ports);
void host_ports_drop(struct host_ports *taken, const struct host_ports *ports);

#include "common/base/cleanup.h"
CLEANUP_DEFINE_VALUE(struct host_ports, host_ports_done);
