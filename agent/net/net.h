#pragma once
/* The network of the node's pods: one bridge, a veth and an address a pod, NAT to the outside.
 * Behind a struct of functions for the simulator and for other network types later. Calls are
 * rtnetlink round trips (well under a millisecond each) and happen on the loop; `nft` runs as a
 * program at start, and where a change of the ruleset fails. */

#include "common/base/err.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct host_ports; /* common/kinds/host_ports.h */

struct net_pod {
    char address[46]; /* of the pod, text; "" with host network */
    char gateway[46];
    int prefix_len;
};

struct net_rates {    /* bits a second; 0: no limit */
    uint64_t ingress; /* to the pod */
    uint64_t egress;  /* from it */
};

struct net {
    /* Makes bridge and base ruleset if they are not there; frees addresses of pods that are not in
     * `uids` (NULL-terminated). Called once at start, after the keepers were adopted. */
    int (*start)(struct net *net, const char *const *uids, struct err *err);
    /* The address that attach will give the pod, kept for it from now on until detach: a pod's
     * files and environment name it before there is a namespace. Idempotent. -ENOSPC. */
    int (*reserve)(struct net *net, const char *uid, struct net_pod *ret, struct err *err);
    /* Gives the pod its interface eth0, the address that is reserved for it (or one now), a default
     * route (idempotent: a second call for the same pod and namespace gives the same answer).
     * netns_fd is borrowed. */
    int (*attach)(struct net *net, const char *uid, int netns_fd, struct net_pod *ret,
                  struct err *err);
    /* Ports of the node lead to the pod, which is attached, until detach; across restarts of the
     * agent, too. Idempotent; other ports take the place of earlier ones. */
    int (*expose)(struct net *net, const char *uid, int netns_fd, const struct host_ports *ports,
                  struct err *err);
    /* Limits the pod, which is attached, on the node's side, until detach. Idempotent. -EOPNOTSUPP:
     * the kernel cannot (sch_tbf, sch_ingress, cls_u32, act_mirred, ifb); then it is not limited,
     * or not in both ways. */
    int (*shape)(struct net *net, const char *uid, int netns_fd, const struct net_rates *rates,
                 struct err *err);
    /* What reserve or attach gave before (also after a restart of the agent); -ENOENT. */
    int (*get)(struct net *net, const char *uid, struct net_pod *ret);
    /* Frees address and ports. The interface goes with its namespace. */
    void (*detach)(struct net *net, const char *uid);
    /* Removes bridge and rules (tools/quickstart --down, uninstall). */
    int (*teardown)(struct net *net, struct err *err);
    void (*free)(struct net *net);
};

struct net_spec {
    const char
        *bridge; /* interface name, <= 15 bytes; also names the nft table "limpet-<bridge>" */
    const char *pod_cidr; /* "10.42.7.0/24" */
    const char
        *run_dir; /* on tmpfs: the leases of addresses, gone with the boot as the namespaces are */
    int mtu;      /* 0 = of the default route's interface, or 1500 */
};
nodiscard int net_new(struct loop *loop, const struct net_spec *spec, struct net **ret,
                      struct err *err);
