#pragma once
/* What nodes say, turned into objects: births and beats into Node status, reports into Pod status,
 * volumes that a node has removed into their end. A node can only touch its own Node, the pods that
 * are bound to it, and volumes that lie there and are deleted. */

#include "common/bus/birth.h"
#include "common/bus/report.h"
#include "controller/api/api.h"

struct intake;

/* A report was carried out (or can never be): it may be cleared if it says that the pod is gone. */
typedef void intake_settled_fn(void *ctx, const char *node, const char *uid);

struct intake *intake_new(struct api *api, intake_settled_fn *settled, void *ctx);
/* In the same turn of the loop as api_stop. */
void intake_free(struct intake *intake);

/* name: the Node object; node: the id that the topic proved. */
void intake_birth(struct intake *intake, const char *name, const char *node,
                  const struct birth *birth);
void intake_report(struct intake *intake, const char *name, const char *node,
                   const struct report *report);
