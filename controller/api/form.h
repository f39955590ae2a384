#pragma once
/* The form in which objects of a kind are stored, where that is another kind's (`.stored` of
 * schema.h): an older version of the same, or Event's other group. Pure. */

#include "common/schema/schema.h"

/* The kind in whose form, and under whose group and plural, objects of `kind` are stored. */
const struct schema_kind *form_stored(const struct schema_kind *kind);
/* A stored object, in place, as the kind has it. */
void form_read(const struct schema_kind *kind, struct value *object);
/* An object of the kind, in place, as it is stored. */
void form_write(const struct schema_kind *kind, struct value *object);
