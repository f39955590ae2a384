#pragma once
/* The volumes there are: by name; the free ones by class, the smallest first; and those of a claim.
 * Pure. */

#include "controller/sched/claim.h"

struct volume_index;
struct volume_index *volume_index_new(void);
void volume_index_free(struct volume_index *volumes); /* NULL is fine */

/* As it stands now; `taken` stays. Borrowed until the next change of that volume. */
struct volume_view *volume_index_put(struct volume_index *volumes, const struct value *volume);
void volume_index_drop(struct volume_index *volumes, const char *name);
struct volume_view *volume_index_get(const struct volume_index *volumes,
                                     const char *name); /* or NULL */

/* The smallest free one that fits the claim and that the node reaches (NULL: whatever the node); of
 * equals the first by name. NULL: none. */
struct volume_view *volume_index_pick(const struct volume_index *volumes,
                                      const struct claim_view *claim,
                                      const struct sched_node *node);
/* The one that is bound to the claim ("namespace/name"), or kept for it. NULL: none. */
struct volume_view *volume_index_of(const struct volume_index *volumes, const char *claim,
                                    const char *uid);
/* All that are bound to the claim or kept for it, in no order; fn must change nothing. */
typedef void volume_index_fn(void *ctx, struct volume_view *view);
void volume_index_each_of(const struct volume_index *volumes, const char *claim,
                          volume_index_fn *fn, void *ctx);
/* All of them. */
void volume_index_each(const struct volume_index *volumes, volume_index_fn *fn, void *ctx);
