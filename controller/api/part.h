#pragma once
/* Writes of a subresource change one part of an object: which, and how. Pure. */

#include "controller/api/api.h"

/* The flags that name a part. */
#define PART_FLAGS                                                                                 \
    (API_STATUS | API_SCALE | API_EPHEMERAL | API_RESIZE | API_FINALIZERS | API_APPROVAL)

/* What was sent for a part of an object of that kind: its own kind, a Scale's for API_SCALE. */
const struct schema_kind *part_kind(const struct schema_kind *kind, unsigned flags);
/* The part as it is read: the object itself, or its Scale. The caller owns it. */
struct value *part_of(const struct schema_kind *kind, const struct value *object, unsigned flags);
/* The stored object with that part of `sent`, unchecked: NULL with the result in *ret (the
 * caller's), or the Status of what cannot be. flags: one of PART_FLAGS. */
nodiscard struct value *part_put(const struct schema_kind *kind, const struct value *stored,
                                 const struct value *sent, unsigned flags, struct value **ret);
/* What of the part may not become what it would be, where the rules for updates of the whole object
 * do not say it. Both are whole objects, checked and with defaults. */
void part_check(const struct value *stored, const struct value *next, unsigned flags,
                struct diags *diags);
/* Whether the rules for updates of the whole object hold for the part too. */
bool part_obeys_update(unsigned flags);
