#pragma once
/* Watches what the node runs out of: tells the Node's conditions, and ends one pod after the other
 * while something is short (a kubelet's hard node-pressure eviction). A pod of the node's own
 * folder, or of a critical priority, stays. Wakes every ten seconds, and at once where the kernel
 * tells that programs wait for memory (PSI). */

#include "agent/pod/agent.h"
#include "agent/pressure/pressure.h"

struct evict;

struct evict_spec {
    struct agent *agent;
    struct pressure_limits limits;
    void (*changed)(void *ctx); /* a condition of the Node; may be NULL */
    void *ctx;
    void (*sample)(void *ctx, struct pressure_sample *ret); /* NULL: as this machine is */
};
/* Takes the first sample. */
struct evict *evict_new(const struct evict_spec *spec);
void evict_free(struct evict *evict); /* before agent_free */
bool evict_is_short(const struct evict *evict, enum pressure pressure);
/* A list for the Node's status.conditions; the caller's. */
struct value *evict_conditions(const struct evict *evict);
