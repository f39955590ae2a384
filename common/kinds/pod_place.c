#include "common/kinds/pod_place.h"

#include <stdio.h>

const char *const container_lists[CONTAINER_LISTS] = {"initContainers", "containers",
                                                      "ephemeralContainers"};

bool place_next(const struct value *spec, struct place *place)
{
    if (place->container)
        place->i++;
    for (; place->list < CONTAINER_LISTS; place->list++, place->i = 0) {
        place->container = value_at(value_get(spec, container_lists[place->list]), place->i);
        if (place->container)
            return true;
    }
    return false;
}

void place_path(const struct place *place, const char *below, char ret[static 160])
{
    snprintf(ret, 160, "%s[%zu]%s", container_lists[place->list], place->i, below);
}
