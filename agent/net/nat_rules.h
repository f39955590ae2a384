#pragma once
/* The text of our own table, for `nft -f`. Pure. */

#include "agent/net/port_map.h"

/* The table's name, "limpet-<bridge>"; the caller frees. */
char *nat_rules_table(const char *bridge);
/* Makes, empties and fills the table in one transaction: loading it twice gives the same rules.
 * What pods send to the outside goes out under the node's address; with ports (NULL: without, for a
 * kernel that has not what they need) the node's ports of port_map.h lead to pods. The caller
 * frees. */
char *nat_rules_text(const char *bridge, const char *cidr, const struct port_map *ports);
