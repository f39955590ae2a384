#pragma once
/* Tells in each ResourceQuota's status what holds and what is used of it. What is let in is decided
 * without it (controller/admission/quotas.h): this is for people. */

#include "common/loop/loop.h"
#include "controller/admission/quotas.h"

#define QUOTA_WAIT_NS NS_PER_S /* between two rounds of writes: the card is spared */

/* The status that a quota is to have; NULL if it has it. Pure. The caller's. */
struct value *quota_plan(const struct value *quota, const struct value *hard,
                         const struct value *used);

struct quota_controller;
struct quota_controller *quota_controller_new(struct loop *loop, struct api *api,
                                              struct quotas *quotas);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void quota_controller_free(struct quota_controller *controller);
