#pragma once
/* A small nf_tables client: changes elements of the maps of port_map.h, in one transaction
 * (nfnetlink batches, linux/netfilter/nf_tables.h). One round trip, of about a millisecond. */

#include "agent/net/port_map.h"
#include "common/base/err.h"

/* More changes at once are for `nft`. */
#define NFT_CHANGES_MAX 256

/* A connection to the kernel, opened when it is needed. It is kept: closing one after something was
 * deleted waits for the kernel to be done with that, 15 ms and more. */
struct nft;
struct nft *nft_new(void);
void nft_free(struct nft *nft);

/* First those that go, then those that come; all or nothing. -ENOENT: no such table, or an element
 * that should go is not there; -EEXIST; -E2BIG beyond NFT_CHANGES_MAX. */
nodiscard int nft_change_ports(struct nft *nft, const char *table, const struct port_rules *gone,
                               const struct port_rules *come, struct err *err);
