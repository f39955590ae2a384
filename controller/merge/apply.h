#pragma once
/* `apply`: three-way merge of what was declared last, what is declared now and what is stored.
 * Pure. */

#include "common/data/value.h"
#include "common/schema/schema.h"

#define APPLY_ANNOTATION "kubectl.kubernetes.io/last-applied-configuration"

/* The stored object with the declared one laid over it: what `declared` says holds, what the last
 * applied document said and `declared` does not goes, everything else stays. Lists merge by their
 * merge key, sets as sets, other lists are replaced. The annotation is renewed. Status in
 * `declared` is ignored. stored NULL: the declared object with the annotation. The caller owns the
 * result. */
struct value *apply_merge(const struct schema_kind *kind, const struct value *stored,
                          const struct value *declared);

/* The same without a memory: nothing goes but for nulls in `declared`, no annotation is looked at
 * or written, and status is laid over like the rest. */
struct value *apply_lay(const struct schema_kind *kind, const struct value *stored,
                        const struct value *declared);
