#pragma once
/* The controller: store, API, node lives and link as one program; what was durable outlives it. */

#include "controller/link/hub.h"
#include "controller/reconcile/bootstrap.h"
#include "tests/sim/fake/bus_fake.h"
#include "tests/sim/fake/bus_leash.h"

struct gateway {
    struct loop *loop;
    struct rng *rng;
    struct bus_fake *broker;
    const struct trust *trust;
    struct map *durable; /* key -> struct durable: what an earlier life had on disk */
    int64_t revision;    /* of the store, which never goes back */
    unsigned lives;
    bool up;
    struct store *store;
    struct api *api;
    struct bootstrap *bootstrap;
    struct recorder *recorder;
    struct nodes *nodes;
    struct bus_leash *bus;
    struct hub *hub;
};

void gateway_init(struct gateway *gateway, struct loop *loop, struct rng *rng,
                  struct bus_fake *broker, const struct trust *trust);
void gateway_done(struct gateway *gateway);
void gateway_start(struct gateway *gateway);
/* kill -9. What was acknowledged stays. */
void gateway_kill(struct gateway *gateway);
/* The card is lost, or an older copy of it is put back: only while it is down. */
struct map *gateway_copy(const struct gateway *gateway);
void gateway_restore(struct gateway *gateway, struct map *copy); /* takes copy */
/* The same as `limpet restore` does it: with a new epoch, and nodes are to adopt. */
void gateway_restore_backup(struct gateway *gateway, struct map *copy);
void gateway_settle(struct gateway *gateway); /* `limpet restore --settle`; waits */

/* As the admin; each waits for the answer (the loop turns) and returns its HTTP code, with the
 * message in *ret (may be NULL; the caller's). */
int gateway_apply(struct gateway *gateway, const struct schema_kind *kind,
                  const struct value *object, char **ret_message);
int gateway_delete(struct gateway *gateway, const struct schema_kind *kind, const char *ns,
                   const char *name);
/* NULL: not there. The caller's. */
struct value *gateway_get(struct gateway *gateway, const struct schema_kind *kind, const char *ns,
                          const char *name);
struct value *gateway_list(struct gateway *gateway, const struct schema_kind *kind);
