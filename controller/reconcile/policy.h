#pragma once
/* Makes the default roles and bindings at the start of a gateway, and adds to those that are there
 * what they lack (policy_plan.h). */

#include "controller/api/api.h"

struct policy;
/* done (may be NULL) is called once, from the loop, when all of it is written: code 0, or the
 * negative of an HTTP code with the first reason. */
typedef void policy_done_fn(void *ctx, int code, const char *message);
struct policy *policy_new(struct api *api, policy_done_fn *done, void *ctx);
/* After done was called, or in the same turn of the loop as api_stop. NULL is fine. */
void policy_free(struct policy *policy);
