#pragma once
/* The two forms of HorizontalPodAutoscalers. */

#include "common/schema/table.h"

extern const struct schema_type type_autoscaler_v1; /* autoscaler_v1.c */

/* From autoscaling/v2 to v1 and back, in place. What v1 has no words for stands in annotations in
 * between, as Kubernetes writes them; what cannot be read there is left there. */
void autoscaler_to_v1(struct value *object);
void autoscaler_from_v1(struct value *object);

/* A check function of both specs. */
void autoscaler_check_replicas(const struct value *spec, struct schema_walk *walk);
/* A metric of v2: so many percent of the CPU that is requested. The caller's. */
struct value *autoscaler_cpu_metric(int64_t percent);
