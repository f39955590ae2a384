#pragma once
/* The metrics that a HorizontalPodAutoscaler goes by. */

#include "common/schema/table.h"

/* metric.c: of a spec and of a status, as autoscaling/v2 has them. */
extern const struct schema_type type_metric_spec, type_metric_status;
extern const struct schema_type type_cross_version_object_reference;

/* "ContainerResource" -> "containerResource": the field that a type of metric fills. NULL: there is
 * no such type. */
const char *metric_field(const char *type);
/* "cpu: 50%/80%, 100m/200m + 2 more...": what a status tells of the metrics of a spec. */
void metrics_print(const struct value *specs, const struct value *statuses, struct buf *ret);
