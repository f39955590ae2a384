#pragma once
/* An api over a store in memory, and calls that wait for their answer. */

#include "common/base/rng.h"
#include "controller/api/api.h"

struct world {
    struct loop *loop;
    struct store *store;
    struct api *api;
    struct rng_seeded rng;
};

extern const struct api_user admin, guest;

struct world *world_new(void);
void world_free(struct world *world);
void world_settle(struct world *world); /* runs the loop until nothing is left to do */
void world_policy(struct world *world); /* Kubernetes' default roles and bindings are there */
struct value *parse(const char *yaml);

/* All return the code; *ret (may be NULL) is the caller's. */
int do_create(struct world *world, const struct schema_kind *kind, const char *ns, const char *yaml,
              struct value **ret);
int do_update(struct world *world, const struct schema_kind *kind, const char *ns,
              const struct value *object, unsigned flags, struct value **ret);
int do_apply(struct world *world, const struct schema_kind *kind, const char *ns, const char *yaml,
             struct value **ret);
int do_apply_as(struct world *world, const struct api_user *user, const struct schema_kind *kind,
                const char *ns, const char *yaml);
int do_delete(struct world *world, const struct schema_kind *kind, const char *ns, const char *name,
              int64_t grace_s, struct value **ret);
struct value *get(struct world *world, const struct schema_kind *kind, const char *ns,
                  const char *name);
/* As api_list, but written as text, an object at a time, and read again. */
int list_as_text(struct world *world, const struct api_ref *ref, const struct api_list_query *query,
                 struct value **ret);
