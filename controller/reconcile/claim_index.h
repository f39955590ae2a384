#pragma once
/* The claims there are, by what they wait for: a volume of a class, or the volume that they name.
 * Pure. */

#include "common/data/value.h"
#include "controller/sched/claim.h"

struct claim_index;
struct claim_index *claim_index_new(void);
void claim_index_free(struct claim_index *index); /* NULL is fine */

/* A claim ("namespace/name") as it stands now; or that is no more: harmless if it is not there. */
void claim_index_put(struct claim_index *index, const char *key, const struct value *claim);
void claim_index_drop(struct claim_index *index, const char *key);

bool claim_index_has(const struct claim_index *index, const char *key);

/* Those that name no volume and wait for one of that class; those that name that volume. fn may
 * change nothing here. */
typedef void claim_index_fn(void *ctx, const char *key, const struct claim_view *claim);
void claim_index_of_class(const struct claim_index *index, const char *class, claim_index_fn *fn,
                          void *ctx);
void claim_index_of_volume(const struct claim_index *index, const char *volume, claim_index_fn *fn,
                           void *ctx);
