#pragma once
/* Types as OpenAPI describes them: schemas, as value trees. Pure. */

#include "common/data/value.h"
#include "controller/openapi/openapi_types.h"

enum openapi_version { OPENAPI_V2, OPENAPI_V3 };

/* The schema of a definition; the caller frees it. */
struct value *openapi_schema(const struct openapi_types *types,
                             const struct openapi_definition *definition,
                             enum openapi_version version);
/* {"group", "version", "kind"}, by which clients find what belongs to a kind. */
struct value *openapi_kind(const struct schema_kind *kind);
