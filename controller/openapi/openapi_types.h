#pragma once
/* The definitions of an OpenAPI document: which types it has, and what they are called. Each kind
 * is one, and so is each type below a built-in kind, so that they may refer to each other; what
 * people define has its types written out where they stand. Pure. */

#include "common/schema/schema.h"

struct openapi_types;
/* kinds: an array that ends with NULL; all borrowed. */
struct openapi_types *openapi_types_new(const struct schema_kind *const *kinds);
void openapi_types_free(struct openapi_types *types);

struct openapi_definition {
    const char *name; /* "io.k8s.api.core.v1.PodSpec" */
    const struct schema_type *type;
    const struct schema_kind *kind; /* NULL: the type of a part */
};
/* i = 0, 1, 2... until NULL; kinds first. */
const struct openapi_definition *openapi_types_at(const struct openapi_types *types, size_t i);
/* NULL: the type is written out. */
const char *openapi_types_name(const struct openapi_types *types, const struct schema_type *type);
const char *openapi_types_kind_name(const struct openapi_types *types,
                                    const struct schema_kind *kind);
