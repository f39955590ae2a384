#pragma once
/* The paths of a kind, as OpenAPI v3 describes them. Pure. */

#include "common/data/value.h"
#include "common/schema/schema.h"

/* path -> what may be done there, for the kind and its subresources. definition: the name of the
 * kind's schema. The caller frees it. */
struct value *openapi_paths(const struct schema_kind *kind, const char *definition);
/* "/api/v1/namespaces/{namespace}/pods/{name}"; the caller frees it. */
char *openapi_path_of(const struct schema_kind *kind, bool in_namespace, const char *rest);
