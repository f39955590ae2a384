#pragma once
/* Structural schemas as the tables that all of the gateway reads (common/schema). Pure.
 *
 * What a table has no word for is asked by a demand: a rule of each field that has one. */

#include "common/schema/schema.h"
#include "controller/custom/pool.h"

/* The root type of a kind: metadata and what the schema names. The schema is structural
 * (structural.h); nothing of it is kept. */
const struct schema_type *compile_root(struct pool *pool, const struct value *schema,
                                       const char *kind);
/* What is asked of the whole object; NULL: nothing. */
const struct schema_more *compile_whole(struct pool *pool, const struct value *schema);

/* An object whose keys the schema does not name: one type of values, or anything. */
bool compile_is_map(const struct value *schema);
