#pragma once
/* Kinds whose objects keep who asked for them: a table with a line a kind. What a client says of
 * that itself does not count. Pure. */

#include "controller/api/api.h"

/* The user as such an object shows him (username, uid, groups, extra); the caller's. NULL for kinds
 * that do not keep it. */
struct value *asker_of(const struct api_user *user, const struct schema_kind *kind);
/* A new object, checked and defaulted: puts in who asks. NULL, or the Status of what he may not ask
 * for. Other kinds are left as they are. */
struct value *asker_born(const struct schema_kind *kind, const struct value *asker,
                         struct value *object);
