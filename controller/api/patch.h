#pragma once
/* What a PATCH does to an object: a table with a line for each type of patch. Pure. */

#include "common/data/value.h"
#include "common/schema/schema.h"

enum patch_type {
    PATCH_JSON,      /* RFC 6902 */
    PATCH_MERGE,     /* RFC 7396 */
    PATCH_STRATEGIC, /* Kubernetes': lists merge by the schema's keys */
};

/* The type of a Content-Type's media type ("application/merge-patch+json"). -ENOENT. */
nodiscard int patch_type_find(const char *media_type, enum patch_type *ret);
/* Whether objects of that kind can be patched so: kinds that people define know no strategy. */
bool patch_type_fits(enum patch_type type, const struct schema_kind *kind);
/* The refusal (415) of another type: with those that the kind takes. The caller's. */
struct value *patch_type_refusal(const struct schema_kind *kind);

/* The object with the patch laid over it, unchecked. Returns NULL with the result in *ret (the
 * caller's), or the Status that says what is wrong with the patch: 400 what is no patch of its
 * type, 422 one that does not apply, 413 one that does too much. Both may be hostile, within
 * limits.h; so is the result's depth, not its size. */
nodiscard struct value *patch_object(const struct schema_kind *kind, enum patch_type type,
                                     const struct value *object, const struct value *patch,
                                     struct value **ret);
