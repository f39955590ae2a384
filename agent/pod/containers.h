#pragma once
/* The containers of a pod's spec, all in one row: init containers, containers, ephemeral
 * containers, each as listed. A launch plan has the first two of these in the same order. */

#include "agent/runtime/launch.h"
#include "common/data/value.h"

#define CONTAINER_KINDS 3

struct container_kind {
    const char *list;     /* in the spec */
    const char *statuses; /* in the status */
};
extern const struct container_kind container_kinds[CONTAINER_KINDS];
const struct container_kind *containers_kind(enum launch_role role);

/* How many, without ephemeral ones. */
size_t containers_count(const struct value *spec);
size_t containers_count_all(const struct value *spec);
/* NULL: there are fewer. *ret_role: ignored if NULL. */
const struct value *containers_at(const struct value *spec, size_t i, enum launch_role *ret_role);
