#pragma once
/* LabelSelectors (meta/v1) as they stand in objects, and labels. Any shape is taken: what is wrong
 * in it was told by the check of its type. */

#include "common/base/buf.h"
#include "common/data/value.h"

#include <stdbool.h>

/* Whether the labels fit all of it. One that is absent fits nothing, an empty one everything. */
bool label_selector_matches(const struct value *selector, const struct value *labels);
/* Absent, or without a requirement. */
bool label_selector_is_empty(const struct value *selector);
/* "app=web,tier in (back,front),!old", sorted by key; "<none>" if it is empty. */
void label_selector_print(const struct value *selector, struct buf *ret);
/* "app=web,tier=front", sorted; "<none>" without labels. */
void labels_print(const struct value *labels, struct buf *ret);
/* Whether labels have all that a map (a ReplicationController's selector) has. */
bool labels_have(const struct value *labels, const struct value *wanted);
