#pragma once
/* Our own nftables table: loaded whole by the program `nft`, changed port by port by nft.h. What it
 * holds of ports is on tmpfs, too, so that the next agent loads the same. */

#include "agent/net/port_map.h"
#include "common/base/err.h"
#include "common/loop/loop.h"

struct ruleset;
/* Strings are copied. */
struct ruleset *ruleset_new(struct loop *loop, const char *bridge, const char *cidr,
                            const char *run_dir);
void ruleset_free(struct ruleset *ruleset);
/* Loads it, by a program on the loop; tried again until it works, which is logged. */
void ruleset_load(struct ruleset *ruleset);
/* Takes the table away; waits for the program, for a bounded time. */
void ruleset_close(struct ruleset *ruleset);

typedef bool ruleset_pod_fn(void *ctx, const char *uid, uint32_t *ret_address);
/* Before the first load: takes over what an earlier agent left of pods that fn knows, and removes
 * the rest. */
nodiscard int ruleset_recall(struct ruleset *ruleset, ruleset_pod_fn *fn, void *ctx,
                             struct err *err);
/* Those are the pod's ports from now on, also if they cannot be told to the kernel at once: then
 * the table is loaded anew. Error: they could not be written down; nothing has changed. */
nodiscard int ruleset_set_ports(struct ruleset *ruleset, const char *uid, uint32_t address,
                                const struct host_ports *ports, struct err *err);
void ruleset_drop_ports(struct ruleset *ruleset, const char *uid);
