#pragma once
/* A gateway's API and store in memory, under a clock that the test moves. */

#include "common/base/rng.h"
#include "common/loop/loop.h"
#include "controller/api/api.h"

struct world {
    struct clock clock;
    int64_t boot_ns, wall_ns;
    struct rng_seeded rng;
    struct loop *loop;
    struct store *store;
    struct api *api;
    struct err err;
};

void world_init(struct world *world);
/* What watches must be freed before. */
void world_done(struct world *world);
void world_turn(struct world *world); /* until nothing is left to do now */
/* In steps: everything that is due on the way happens when it is due. */
void world_pass(struct world *world, int64_t ns);
void world_jump(struct world *world, int64_t ns); /* the process stood still */

/* JSON with ' for ". Expects the code. */
void world_create(struct world *world, const char *json, int code);
void world_delete(struct world *world, const char *kind, const char *ns, const char *name);
/* A status with these conditions, replaced whole. */
void world_status(struct world *world, const char *kind, const char *ns, const char *name,
                  const char *json);
void world_pod(struct world *world, const char *name, const char *cpu, const char *node);
void world_node(struct world *world, const char *name, const char *cpu); /* ready */

/* NULL if it is not there. The caller frees. */
struct value *world_get(struct world *world, const char *kind, const char *ns, const char *name);
/* Its node; "" = none. Static. */
const char *world_node_of(struct world *world, const char *pod);
/* "status reason message" of a condition; "" = none. Static. */
const char *world_condition(struct world *world, const char *kind, const char *ns, const char *name,
                            const char *type);
/* "type reason message (count) from component" of the object's events, one a line, in the order of
 * their names; the caller frees. */
char *world_events(struct world *world, const char *kind, const char *name);
size_t world_count(struct world *world, const char *kind);
