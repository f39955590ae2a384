#pragma once
/* The kinds of a CustomResourceDefinition: one for each version that is served, as tables like
 * those of built-in kinds. They are never changed: a definition that changes is made into others.
 */

#include "common/kinds/kinds.h"

struct custom;

/* Of a definition that schema_check took and schema_default went over. closed: no more objects are
 * created (the definition is on its way out). Never NULL. */
struct custom *custom_new(const struct value *definition, bool closed);
void custom_free(struct custom *custom);
/* Takes its kinds in. -EEXIST: one of them is there already; none is in then. */
nodiscard int custom_serve(struct custom *custom, struct kinds *kinds);
/* Takes them out, and frees it as soon as nobody holds one of them (kinds_hold). Not to be used any
 * more. */
void custom_retire(struct custom *custom, struct kinds *kinds);
/* The kind in whose form objects are stored, served or not. */
const struct schema_kind *custom_stored(const struct custom *custom);
size_t custom_bytes(const struct custom *custom);
