#pragma once
/* A small nf_tables client: changes elements of the maps of port_map.h, in one transaction
 * (nfnetlink batches, linux/netfilter/nf_tables.h). One round trip, of about a millisecond. */

#include "agent/net/port_map.h"
#include "common/base/err.h"

/* More changes at once are for `nft`. */
#define NFT_CHANGES_MAX 256

/* First those that go, then those that come; all or nothing. -ENOENT: no such table, or an element
 * that should go is not there; -EEXIST; -E2BIG beyond NFT_CHANGES_MAX. */
nodiscard int nft_change_ports(const char *table, const struct port_rules *gone,
                               const struct port_rules *come, struct err *err);
