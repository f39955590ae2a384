#pragma once
/* The Pod that shows a static pod of a node, made from what the node says of that. Pure. */

#include "common/data/value.h"

struct mirror_of {
    const char *node, *node_uid; /* the Node object */
    const char *ns, *name, *uid; /* of the static pod */
};
/* text: the static pod as JSON, as its node answered. Taken from it are labels, annotations and
 * spec; *ret_status (a new map if there is none) is its status, which a new Pod does not have.
 * -EINVAL, -E2BIG: it is no such pod; whether it is a valid one is not looked at. The caller
 * frees. */
nodiscard int mirror_make(const struct mirror_of *of, const char *text, size_t len,
                          struct value **ret_pod, struct value **ret_status, struct err *err);
