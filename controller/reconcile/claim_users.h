#pragma once
/* Which pods use which claims. Pods without claims take no room. Pure. */

#include "common/data/value.h"

#include <stdbool.h>

struct claim_users;
struct claim_users *claim_users_new(void);
void claim_users_free(struct claim_users *users); /* NULL is fine */

/* A pod as it stands now, or (gone) that is no more. Calls fn for each claim ("namespace/name") of
 * which this changes who uses it; it may ask, and must change nothing. */
typedef void claim_users_fn(void *ctx, const char *claim);
void claim_users_see(struct claim_users *users, const struct value *pod, bool gone,
                     claim_users_fn *fn, void *ctx);

/* Whether a pod that has a node uses the claim: also one that is over, until it is gone. */
bool claim_users_placed(const struct claim_users *users, const char *claim);
/* The name of a pod that waits for a node; NULL: none does. Borrowed until the next change. */
const char *claim_users_waiting(const struct claim_users *users, const char *claim);
