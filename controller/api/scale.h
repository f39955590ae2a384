#pragma once
/* An object as its /scale shows it, and back. Pure. */

#include "common/schema/schema.h"

/* kind has a .scale. The caller owns the Scale. */
struct value *scale_of(const struct schema_kind *kind, const struct value *object);
/* Gives the object the replicas of the Scale; -EINVAL: there is no room for them in it. */
nodiscard int scale_put(const struct schema_kind *kind, struct value *object,
                        const struct value *scale);
