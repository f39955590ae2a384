#pragma once
/* kubectl's tables: rows of printed cells, from the columns of the kind. Pure. */

#include "common/data/value.h"
#include "common/schema/schema.h"

enum table_include { TABLE_METADATA, TABLE_OBJECT, TABLE_NOTHING }; /* what row.object holds */

/* An object's metadata alone: a PartialObjectMetadata of that api_version. The caller owns it. */
struct value *table_partial(const struct value *object, const char *api_version);
/* The row of one object. The caller owns it. */
struct value *table_row(const struct schema_kind *kind, const struct value *object,
                        const char *api_version, enum table_include include, int64_t now_wall_ns);
/* object: a List of the kind, or one object. columns false leaves columnDefinitions out (later
 * events of a watch). api_version "meta.k8s.io/v1". The caller owns the result. */
struct value *table_of(const struct schema_kind *kind, const struct value *object,
                       const char *api_version, enum table_include include, bool columns,
                       int64_t now_wall_ns);
