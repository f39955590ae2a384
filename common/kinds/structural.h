#pragma once
/* Whether a schema is structural: as Kubernetes asks of custom kinds
 * (apiextensions-apiserver/pkg/apiserver/schema/validation.go says the same in its words). */

#include "common/schema/schema.h"

/* Tells the walk, which stands above it, what is wrong with `schema`, whose field there is `name`.
 * Its shape is checked already, or that is told. As deep as the document. */
void structural_check(const struct value *schema, const char *name, struct schema_walk *walk);
