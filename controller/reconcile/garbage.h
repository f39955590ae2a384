#pragma once
/* Garbage collection by ownerReferences: objects whose owners are all gone are deleted, what is
 * deleted in the foreground goes after its dependents, what is to leave orphans goes when they have
 * let go of it. Nothing is kept on disk: the index is made anew from the watches at every start. */

#include "common/loop/loop.h"
#include "controller/reconcile/recorder.h"
#include "controller/api/api.h"

struct garbage;

/* recorder NULL: nobody keeps events. */
nodiscard int garbage_new(struct loop *loop, struct api *api, struct recorder *recorder,
                          struct garbage **ret, struct err *err);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void garbage_free(struct garbage *garbage);
/* Objects that are in its index, their owners among them. */
size_t garbage_count(const struct garbage *garbage);
