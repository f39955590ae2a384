#pragma once
/* Whether a definition may have the names that it wants, and what its status says of that. Pure. */

#include "common/kinds/kinds.h"

/* As Kubernetes tells it; NULL: it may. */
struct names_conflict {
    const char *reason;  /* "PluralConflict", ... */
    const char *message; /* static, or borrowed from the definition's name */
    char text[160];
};

/* Whether a name of `names` (spec.names) is taken by another kind of that group: one of `kinds`,
 * but for those of that plural that people defined (its own). */
bool names_conflict(const struct kinds *kinds, const char *group, const struct value *names,
                    struct names_conflict *ret);

enum { NAMES_MAX_DEFINITIONS = 1000 };

/* Writes status.acceptedNames, storedVersions and conditions as they must be; false: they are.
 * conflict NULL: there is none. full: there are too many definitions to take this one in. */
bool names_settle(struct value *definition, const struct names_conflict *conflict, bool full,
                  int64_t now_wall_ns);
bool names_are_established(const struct value *definition);
