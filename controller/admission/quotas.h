#pragma once
/* The quotas of all namespaces: kept by what admission is told of every write, so that they are
 * exact without asking the store. A namespace without a quota costs nothing. */

#include "controller/admission/rule.h"

struct quotas;
/* Looks at what is stored. kinds is borrowed, reader copied. */
struct quotas *quotas_new(struct kinds *kinds, const struct gate_reader *reader);
void quotas_free(struct quotas *quotas);

struct value *quota_check(const struct admission_env *env, const struct gate_request *request);
/* As gate.settle. */
void quotas_settle(struct quotas *quotas, const struct api_ref *ref, const struct value *object,
                   bool written);

/* Who is told which quotas are others, or of which more or less is used: at once of all there are,
 * then after writes. One; NULL: none any more. fn must not write at once. */
typedef void quotas_changed_fn(void *ctx, const char *ns, const char *name);
void quotas_observe(struct quotas *quotas, quotas_changed_fn *fn, void *ctx);
/* What is used of a quota now, of all that it limits, and *ret_hard, what that is; NULL if there is
 * none. Both are the caller's. */
struct value *quotas_used(const struct quotas *quotas, const char *ns, const char *name,
                          struct value **ret_hard);
