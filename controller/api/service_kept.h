#pragma once
/* What was allotted to a Service stays with it when who writes the whole of it leaves it out, as
 * manifests do (Kubernetes' patchAllocatedValues). Pure. */

#include "common/data/value.h"

/* object: checked and defaulted; it gets stored's addresses, node ports and health check port,
 * where both are of a type that has such. */
void service_keep(const struct value *stored, struct value *object);
