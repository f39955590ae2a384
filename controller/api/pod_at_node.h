#pragma once
/* A pod as its node speaks of it. Pure. */

#include "common/data/value.h"

/* The uid that the pod's node knows it by: of a mirror pod that of the static pod which it shows.
 * Borrowed; NULL: it has none. */
const char *pod_uid_at_node(const struct value *pod);
/* Whether the node of that name speaks of this pod when it says that uid: it is bound to it. */
bool pod_is_of_node(const struct value *pod, const char *node, const char *uid);
