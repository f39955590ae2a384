#pragma once
/* The address plan of a node: which pod has which IPv4 address of the node's range. Pure. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct addresses;

/* cidr as "10.42.7.0/24", /16 to /30. The first address is the gateway's (the bridge). -EINVAL. */
nodiscard int addresses_new(const char *cidr, struct addresses **ret, struct err *err);
void addresses_free(struct addresses *addresses);
uint32_t addresses_gateway(const struct addresses *addresses); /* host byte order, as all here */
int addresses_prefix_len(const struct addresses *addresses);

/* The pod's address, given out now or before. Freed addresses are given out again as late as
 * possible, so that a neighbour's cache does not meet a new pod under an old address. -ENOSPC. */
nodiscard int addresses_take(struct addresses *addresses, const char *uid, uint32_t *ret,
                             struct err *err);
/* Marks what an earlier agent gave out; -EEXIST if another pod has it, -ERANGE outside the range.
 */
nodiscard int addresses_claim(struct addresses *addresses, const char *uid, uint32_t address);
bool addresses_find(const struct addresses *addresses, const char *uid, uint32_t *ret);
void addresses_drop(struct addresses *addresses, const char *uid);

#define ADDRESS_TEXT 16
void address_format(uint32_t address, char ret[ADDRESS_TEXT]);
nodiscard int address_parse(const char *text, uint32_t *ret); /* dotted quad; -EINVAL */

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct addresses, addresses_free);
