#pragma once
/* OpenAPI v3: a document for each group and version, in JSON, written piece by piece. Pure. */

#include "common/base/buf.h"
#include "common/kinds/kinds.h"

struct openapi_v3;
/* NULL if nothing of that group ("" = core) and version is served. */
struct openapi_v3 *openapi_v3_new(const struct kinds *kinds, const char *group,
                                  const char *version);
void openapi_v3_free(struct openapi_v3 *document);
/* Adds the next piece (of one kind or type: some KiB) to ret; false at the end. */
bool openapi_v3_next(struct openapi_v3 *document, struct buf *ret);
