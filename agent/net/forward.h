#pragma once
/* What lets pods' packets through the table `filter` of somebody else (Docker, ufw), where its
 * chain FORWARD drops what no rule accepts: the deciding half, on the text of `iptables -S`. Pure.
 */

#include <stdbool.h>

/* Of the chain FORWARD: its policy is to drop. */
bool forward_is_closed(const char *listing);
/* It asks the chain DOCKER-USER, which Docker keeps for rules of others. */
bool forward_has_docker_user(const char *listing);
/* Scripts for `iptables-restore --noflush`; the caller frees. listing: of FORWARD and, if there is
 * one, DOCKER-USER. Ours are known by their comment, "limpet-<bridge>".
 * open: exactly two rules of ours, above all others: what pods send, and what answers it or
 * was sent to a port of the node that leads to one. */
char *forward_open_script(const char *listing, const char *bridge, const char *cidr);
/* close: none. NULL: there is none. */
char *forward_close_script(const char *listing, const char *bridge);
