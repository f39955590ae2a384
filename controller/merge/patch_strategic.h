#pragma once
/* Strategic merge patch: how Kubernetes' own clients patch. Maps merge; lists merge by the key that
 * the schema's tables name, or as sets, or are replaced; directives say the rest. Pure. */

#include "common/schema/schema.h"

/* *ret, the caller's: `object` of that type with the patch laid over it. Directives:
 *   $patch: replace | delete        on a map, or on an item of a list that merges by a key
 *   $retainKeys: [names]            fields of a map that stay
 *   $setElementOrder/F: [...]       the order of list F
 *   $deleteFromPrimitiveList/F      scalars that leave list F
 * Null deletes. -EINVAL: a directive is not written as it must be; -ENOENT: the patch contradicts
 * itself, or an item lacks its list's key. */
nodiscard int patch_strategic(const struct schema_type *type, const struct value *object,
                              const struct value *patch, struct value **ret, struct err *err);
