#pragma once
/* The containers of a PodSpec, wherever they are listed. */

#include "common/data/value.h"

enum { INIT_CONTAINERS, CONTAINERS, EPHEMERAL_CONTAINERS, CONTAINER_LISTS };
extern const char *const container_lists[CONTAINER_LISTS]; /* "initContainers", ... */

struct place {
    const struct value *container;
    size_t list, i; /* container_lists[list][i] */
};

/* Next container in the order of the lists; false after the last. Start with {0}. */
bool place_next(const struct value *spec, struct place *place);
/* "initContainers[3]" and what follows it, cut at the end. */
void place_path(const struct place *place, const char *below, char ret[static 160]);
