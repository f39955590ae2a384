#pragma once
/* Lets pods' packets through where another firewall's table `filter` drops what it does not know,
 * by that firewall's own program, `iptables`. Does nothing where there is no such table. */

#include "common/base/err.h"
#include "common/loop/loop.h"

struct firewall;
/* Strings are copied. */
struct firewall *firewall_new(struct loop *loop, const char *bridge, const char *cidr);
void firewall_free(struct firewall *firewall);
/* Looks, and puts our rules in if they are needed, by programs on the loop. What cannot be done is
 * logged. */
void firewall_open(struct firewall *firewall);
/* Takes them out; waits for the programs, for a bounded time. */
void firewall_close(struct firewall *firewall);
