#pragma once
/* What a write of pods/resize may change of a pod (KEP-1287). Pure. */

#include "common/schema/schema.h"
#include "common/data/value.h"

/* Both are whole pods, checked and with defaults; they differ in resources and resizePolicy of
 * containers at most. */
void resize_check(const struct value *stored, const struct value *next, struct diags *diags);
