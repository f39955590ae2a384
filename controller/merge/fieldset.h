#pragma once
/* Sets of fields, as managedFields writes them (fieldsV1): a tree of maps whose keys are f:NAME (a
 * field or a key of a map), k:{"KEY":VALUE} (an item of a list that merges by keys) and v:VALUE
 * (one of a set). A node without children is a field as a whole; "." in a node is the node itself
 * beside its children. NULL is the empty set. Pure; what is returned is the caller's. */

#include "common/schema/schema.h"

/* What a document of that type says, without nulls. */
struct value *fieldset_of(const struct schema_type *type, const struct value *object);

struct value *fieldset_unite(const struct value *a, const struct value *b);
/* Where one set has a field as a whole and the other parts of it, that is one field to them. */
struct value *fieldset_intersect(const struct value *a, const struct value *b);
struct value *fieldset_subtract(const struct value *a, const struct value *b);
bool fieldset_is_empty(const struct value *set);

/* The fields of the set that are not the same in both objects; there: only those that `after` has.
 */
struct value *fieldset_changed(const struct schema_type *type, const struct value *set,
                               const struct value *before, const struct value *after, bool there);
/* Takes the fields out of the object, and what is empty then. */
void fieldset_remove(const struct schema_type *type, const struct value *set, struct value *object);

/* Calls fn for each field with its path (".spec.containers[name=\"a\"].image"). */
void fieldset_paths(const struct value *set, void (*fn)(void *ctx, const char *path), void *ctx);
