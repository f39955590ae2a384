#pragma once
/* A gateway, a broker and nodes in one process, on one clock that only the test moves. After every
 * turn of the loop two promises are checked: never two of one container, and nothing that is wanted
 * is ever stopped. Everything that is left to chance comes from the seed (but for keys). */

#include "tests/sim/fake/clock_fake.h"
#include "tests/sim/world/gateway.h"
#include "tests/sim/world/node.h"
#include "tests/sim/world/cast.h"

#define MS NS_PER_MS
#define S NS_PER_S
#define WORLD_WALL (INT64_C(1790000000) * NS_PER_S)

struct world {
    uint64_t seed;
    const struct cast *cast;
    struct clock_fake clock;
    struct rng_seeded rng;
    struct loop *loop;
    struct bus_fake *broker;
    struct gateway gateway;
    struct node nodes[CAST_NODES];
    size_t node_count;
    struct map *may_end; /* uids of pods that somebody changed or deleted; names of static ones */
    uint64_t starts[CAST_NODES]; /* of containers, when doubles were looked for last */
    size_t ended;                /* running containers that agents ended */
};

/* Everything up, nodes enrolled and Ready. */
struct world *world_new(const struct cast *cast, uint64_t seed, size_t nodes);
/* Nothing is started: for tests that begin with a dark gateway. */
struct world *world_new_dark(const struct cast *cast, uint64_t seed, size_t nodes);
void world_enrol(struct world *world, size_t node); /* its object, as an enrolment leaves it */
/* Checks that nothing is held by agents that are gone. */
void world_free(struct world *world);
/* How many seeds a test takes: `usual`, or as the environment says (LIMPET_SIM_SEEDS, a factor;
 * LIMPET_LONG: 10). LIMPET_SIM_SEED: the first. */
uint64_t world_first_seed(void);
uint64_t world_seeds(uint64_t usual);
#define WORLD_EACH_SEED(seed, usual)                                                               \
    for (uint64_t seed = world_first_seed(); seed < world_first_seed() + world_seeds(usual); seed++)

/* Time passes, in the steps in which something is due. Dead agents (their disk was cut) are reaped
 * and stay down. */
void world_run(struct world *world, int64_t ns);
/* Until every pod of nodes that are in touch is as the API says and the API says what is, or the
 * test fails. */
void world_settle(struct world *world, int64_t max_ns);
bool world_is_settled(struct world *world, char *ret_why, size_t size);

/* Documents; fails the test if one is not taken. A pod that changes may be stopped from now on. */
void world_apply(struct world *world, const char *yaml);
void world_delete(struct world *world, const char *name); /* pod default/name */
/* A pod of one container "main" on node i: image "app", what it does (a JSON list), policy. */
void world_pod(struct world *world, const char *name, size_t node, const char *command,
               const char *policy);
/* A file in a node's static directory (NULL: removed); the agent is told if it is up. */
void world_static(struct world *world, size_t node, const char *file, const char *yaml);

void world_kill_agent(struct world *world, size_t node);
void world_start_agent(struct world *world, size_t node);
void world_restart_agent(struct world *world, size_t node);
void world_reboot(struct world *world, size_t node, enum disk_fake_loss loss);
void world_cut(struct world *world, size_t node, bool cut); /* the link of a node that is up */

/* What runs: "name/container=pid" of every container of a node, in order; the caller frees. */
char *world_running(const struct world *world, size_t node);
/* Fails unless exactly these run, the same processes as before. */
void world_expect_running(const struct world *world, size_t node, const char *before);
bool world_runs(const struct world *world, size_t node, const char *pod); /* its "main" */
/* status.phase by the API; "" if there is no such pod. Static. */
const char *world_phase(struct world *world, const char *pod);
/* The status of the condition Ready of a node. Static. */
const char *world_ready(struct world *world, size_t node);

void world_fail(const struct world *world, const char *fmt, ...) printf_like(2, 3);
