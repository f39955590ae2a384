#pragma once
/* What a schema asks of a value beyond its shape: limits, patterns, enumerations, and schemas of
 * which some, all or none must hold. Made once of a schema, then asked of many values. Pure. */

#include "common/schema/schema.h"
#include "controller/custom/pool.h"

/* One object may cost that many steps of checking (a comparison, a step of a pattern), about 0.1 s
 * of a slow gateway; more are refused. */
#define DEMAND_MAX_COST 20000000

struct demand;

/* NULL: it asks for nothing. whole: of shapes, fields and required ones too, which tables check
 * elsewhere. The schema is structural and right; nothing of it is kept. */
const struct demand *demand_new(struct pool *pool, const struct value *schema, bool whole);
/* NULL asks for nothing. Is silent on values of another type than a limit is about. */
void demand_check(const struct demand *demand, const struct value *value, struct schema_walk *walk);
