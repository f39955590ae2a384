#pragma once
/* What the kinds that make pods of a template share: rules and columns. */

#include "common/schema/schema.h"

/* The columns Containers (key "name") and Images (key "image"): of the containers of a pod
 * template, with commas between. */
void workload_containers(const struct value *template, const char *key, struct buf *ret);
/* "app=web,tier=front", sorted; "<none>" without labels. */
void workload_labels(const struct value *labels, struct buf *ret);
