#pragma once
/* What of a container's resources changes in place while it runs (KEP-1287): cpu and memory, of
 * requests and limits. Pure; wrong shapes count as absent. */

#include "common/data/value.h"

#include <stdbool.h>

enum { RESIZABLE_REQUESTS, RESIZABLE_LIMITS, RESIZABLE_PARTS };
enum { RESIZABLE_CPU, RESIZABLE_MEMORY, RESIZABLE_NAMES };

extern const char *const resizable_parts[RESIZABLE_PARTS];
extern const char *const resizable_names[RESIZABLE_NAMES];

/* Takes all of these amounts away, and what was made empty by that with them. */
void resizable_drop(struct value *container);
/* Whether its resizePolicy wants it started anew for a change of that resource. */
bool resizable_restarts(const struct value *container, const char *resource);
