#pragma once
/* Binds claims and volumes to each other, makes volumes that are folders of nodes, keeps what is in
 * use from going, and carries out what a volume's policy says when its claim is gone. Watches
 * claims, volumes, classes and pods; decides by claims_plan.h and volumes_plan.h. */

#include "common/loop/loop.h"
#include "controller/api/api.h"
#include "controller/reconcile/recorder.h"

struct claims;

/* Everything is borrowed; recorder NULL: no events. */
nodiscard int claims_new(struct loop *loop, struct api *api, struct recorder *recorder,
                         struct claims **ret, struct err *err);
/* In the same turn of the loop as api_stop, before it. NULL is fine. */
void claims_free(struct claims *claims);
