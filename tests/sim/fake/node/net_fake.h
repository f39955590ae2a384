#pragma once
/* Addresses without interfaces. They belong to the boot, as the namespaces do. */

#include "agent/net/net.h"

struct net_fake;

struct net_fake *net_fake_new(bool (*cut)(void *ctx), void *ctx);
void net_fake_free(struct net_fake *fake);
struct net *net_fake_open(struct net_fake *fake); /* one life of the agent */
void net_fake_reboot(struct net_fake *fake);
/* attach fails until it is set to false. */
void net_fake_break(struct net_fake *fake, bool broken);
size_t net_fake_addresses(const struct net_fake *fake); /* in use */
