#pragma once
/* What a container's status tells of its resources (KEP-1287): what it was given, and what it has.
 * Pure. */

#include "agent/keeper/report.h"
#include "common/data/value.h"

/* Adds allocatedResources and resources to the status of a container of the spec that says anything
 * of resources. size: of its control group; NULL: it does not run. */
void resources_status(struct value *status, const struct value *container,
                      const struct keeper_size *size);
