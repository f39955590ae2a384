#pragma once
/* What the schema says of a place in a document. Pure. */

#include "common/schema/schema.h"

/* Nothing (both NULL) below SCHEMA_ANY, in scalars and where the schema knows no field. */
struct shape {
    const struct schema_type *type;   /* of a map that is an object */
    const struct schema_field *field; /* where it stands, for lists and maps */
};

struct shape shape_of_key(struct shape at, const char *key);
/* Of the items of the list that stands at `field`. */
struct shape shape_of_item(const struct schema_field *field);
/* What items of the list at `field` are merged by; NULL: nothing, or the list is none of those. */
const char *shape_merge_key(const struct schema_field *field);
/* A map there is one value to server-side apply: it has one owner. */
bool shape_is_whole(struct shape at);
/* The list at `field` is a set of scalars. */
bool shape_is_set(const struct schema_field *field);
