#pragma once
/* A row of applies, tried before the first of them is made: dry runs that see what earlier ones of
 * the row would have made (a namespace, and then a pod in it). Decided by the rules of real writes
 * (change.h) on what the store holds now. Nothing is written, nothing waits. */

#include "controller/api/api.h"

struct dryrun;
struct dryrun *dryrun_new(struct api *api);
void dryrun_free(struct dryrun *dryrun);
CLEANUP_DEFINE(struct dryrun, dryrun_free);

/* What api_apply would answer. Borrowed until the next call. */
const struct api_answer *dryrun_apply(struct dryrun *dryrun, const struct api_user *user,
                                      const struct api_ref *ref, const struct value *object,
                                      unsigned flags);
