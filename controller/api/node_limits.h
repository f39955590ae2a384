#pragma once
/* What a node may write in the objects that it may write: of its own Node no labels, taints and
 * owners that decide what runs on it; pods only as mirrors of what runs there anyway
 * (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction).
 * Pure. */

#include "controller/api/api.h"

/* NULL, or the Status (403) that refuses the object as it would be written by that node (stored
 * NULL: it is new). */
struct value *node_limits_refusal(const char *node, const struct api_ref *ref,
                                  const struct value *stored, const struct value *object);
