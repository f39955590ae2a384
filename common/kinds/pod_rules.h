#pragma once
/* What Kubernetes demands of a PodSpec beyond what nodes rely on: the gateway alone looks. */

#include "common/schema/schema.h"

/* Functions of struct schema_type's check. The spec has at most so many containers that they may be
 * compared each with each; its other lists are of any length. */
void pod_rules(const struct value *spec, struct schema_walk *walk);
/* What pods of one operating system may not say (spec.os.name). */
void pod_os_rules(const struct value *spec, struct schema_walk *walk);
