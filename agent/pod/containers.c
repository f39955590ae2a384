#include "agent/pod/containers.h"

#include "common/base/str.h"

const struct container_kind container_kinds[CONTAINER_KINDS] = {
    {"initContainers", "initContainerStatuses"},
    {"containers", "containerStatuses"},
    {"ephemeralContainers", "ephemeralContainerStatuses"},
};

const struct container_kind *containers_kind(enum launch_role role)
{
    static const size_t kinds[] = {
        [LAUNCH_INIT] = 0, [LAUNCH_SIDECAR] = 0, [LAUNCH_MAIN] = 1, [LAUNCH_DEBUG] = 2};
    return &container_kinds[kinds[role]];
}

size_t containers_count(const struct value *spec)
{
    return value_len(value_get(spec, container_kinds[0].list)) +
           value_len(value_get(spec, container_kinds[1].list));
}

size_t containers_count_all(const struct value *spec)
{
    return containers_count(spec) + value_len(value_get(spec, container_kinds[2].list));
}

const struct value *containers_at(const struct value *spec, size_t i, enum launch_role *ret_role)
{
    static const enum launch_role roles[CONTAINER_KINDS] = {LAUNCH_INIT, LAUNCH_MAIN, LAUNCH_DEBUG};
    for (size_t k = 0; k < CONTAINER_KINDS; k++) {
        const struct value *list = value_get(spec, container_kinds[k].list);
        if (i >= value_len(list)) {
            i -= value_len(list);
            continue;
        }
        const struct value *container = value_at(list, i);
        bool stays = k == 0 && str_eq(value_get_str(container, "restartPolicy"), "Always");
        if (ret_role)
            *ret_role = stays ? LAUNCH_SIDECAR : roles[k];
        return container;
    }
    return NULL;
}
