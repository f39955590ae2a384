#pragma once
/* What is still in a namespace that goes, and how its status tells that. Pure. */

#include "common/base/map.h"
#include "common/data/value.h"
#include "common/schema/schema.h"

struct remains {
    struct map *kinds;      /* "pods." -> struct, how many */
    struct map *finalizers; /* "limpet.io/x" -> struct, in how many */
};

void remains_init(struct remains *remains);
void remains_done(struct remains *remains);
void remains_clear(struct remains *remains);
/* One object of that kind; object NULL: one without finalizers. */
void remains_add(struct remains *remains, const struct schema_kind *kind,
                 const struct value *object);
bool remains_any(const struct remains *remains);

/* Sets status.conditions of the namespace, in Kubernetes' words; false, and nothing is changed, if
 * they say so already. */
bool remains_tell(const struct remains *remains, struct value *ns, int64_t now_wall_ns);
