#pragma once
/* A small rtnetlink client: builds one request, sends it, waits for the kernel's answer
 * (rtnetlink(7)). Each call is one round trip of well under a millisecond. */

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct netlink; /* a socket of the network namespace it was opened in */

/* netns_fd < 0: the caller's namespace. The thread is back in its own namespace on return. */
nodiscard int netlink_open(int netns_fd, struct netlink **ret, struct err *err);
void netlink_close(struct netlink *nl);

/* The index of an interface; -ENODEV. */
nodiscard int netlink_index(struct netlink *nl, const char *name, struct err *err);
/* -EEXIST if it is there. */
nodiscard int netlink_add_bridge(struct netlink *nl, const char *name, int mtu, struct err *err);
/* A veth pair: `name` here as a port of the interface `master`, up; `peer` in the namespace
 * peer_ns, up. -EEXIST. */
nodiscard int netlink_add_veth(struct netlink *nl, const char *name, int master, const char *peer,
                               int peer_ns, int mtu, struct err *err);
nodiscard int netlink_set_mtu(struct netlink *nl, int index, int mtu, struct err *err);
/* An interface of kind ifb, up; -EEXIST. It goes with nothing: whoever made it deletes it. */
nodiscard int netlink_add_ifb(struct netlink *nl, const char *name, int mtu, struct err *err);
/* What it sends goes no faster, in bits a second (tc-tbf(8)); takes the place of an earlier limit.
 * -EOPNOTSUPP: the kernel cannot, as in netlink_redirect. */
nodiscard int netlink_limit(struct netlink *nl, int index, uint64_t rate, struct err *err);
/* What it receives goes through the interface `to` first. Idempotent. */
nodiscard int netlink_redirect(struct netlink *nl, int index, int to, struct err *err);
/* A port of a bridge sends out what came in by it. */
nodiscard int netlink_set_hairpin(struct netlink *nl, int index, struct err *err);
nodiscard int netlink_set_up(struct netlink *nl, int index, struct err *err);
/* IPv4, network byte order. An address or route that is there already is success. */
nodiscard int netlink_add_address(struct netlink *nl, int index, uint32_t address, int prefix_len,
                                  struct err *err);
nodiscard int netlink_add_default_route(struct netlink *nl, int index, uint32_t gateway,
                                        struct err *err);
/* The interface of the default route and its MTU; -ENETUNREACH if there is none. */
nodiscard int netlink_default_mtu(struct netlink *nl, int *ret_mtu, struct err *err);
/* Missing is success. Deleting a link takes the kernel 20 ms and more: for teardown only. */
nodiscard int netlink_del_link(struct netlink *nl, const char *name, struct err *err);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct netlink, netlink_close);
