#pragma once
/* The bus side of a node: what comes down is offered to the desired state on disk; what the agent
 * knows goes up as birth, beats, statuses and events. Whatever happens here, no pod stops for it.
 */

#include "agent/cache/desired.h"
#include "agent/link/identity.h"
#include "agent/pod/agent.h"
#include "common/bus/bus.h"

#include <stdint.h>

struct link;
struct usage;
struct prepulls;

struct link_spec {
    struct loop *loop;
    struct bus *bus; /* whose will is link_will; borrowed, started and stopped by the link */
    struct disk *disk;
    struct rng *rng;
    struct desired *desired;
    struct agent *agent;
    struct usage *usage;       /* of the agent; NULL: what is used is not told */
    struct prepulls *prepulls; /* NULL: nothing is pulled ahead */
    const struct identity *identity;
    const char *boot_id, *nonce;
    const char *run_dir; /* tmpfs */
    int beat_s;
    const char *pod_cidr;                /* for the birth; borrowed; NULL: not told */
    const struct value *status, *labels; /* of the Node, for the birth; copied */
};
nodiscard int link_new(const struct link_spec *spec, struct link **ret, struct err *err);
nodiscard int link_start(struct link *link, struct err *err);
/* Says goodbye (no will is sent) and calls done when the gateway's broker has it, after a second at
 * most, or at once where there is no connection. */
void link_stop(struct link *link, void (*done)(void *ctx), void *ctx);
void link_free(struct link *link);

/* The status of the Node is another from now on; copied. The gateway is told at once, or by the
 * birth of the next connection. */
void link_set_node_status(struct link *link, const struct value *status);

/* So are the volumes that it has removed; the first BIRTH_VOLUMES_MAX are copied. As above. */
void link_set_volumes_gone(struct link *link, const struct value *names);

/* What agent_handler tells. */
void link_status(struct link *link, const struct value *pod, bool gone);
void link_event(struct link *link, const char *ns, const char *name, const char *uid,
                const char *type, const char *reason, const char *message);

/* The payload and topic of the will of this boot, for mqtt_spec. */
int link_will(const char *node, const char *boot_id, const char *nonce,
              char ret_topic[TOPIC_MAX + 1], struct buf *ret_payload);
