#pragma once
/* Takes the fields a schema does not know out of an object: what Kubernetes does with them unless
 * asked to be strict. Pure. */

#include "common/schema/schema.h"

/* In place. Each field that goes is added to dropped (cause FieldUnknown) if that is not NULL. */
void prune(const struct schema_type *type, struct value *object, struct diags *dropped);
