/* The volumes that the containers of a pod, or of a template of pods, mount. */

#include "common/base/map.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/types.h"

#include <stdio.h>

static void add_names(struct map *names, const struct value *volumes, const char *within)
{
    for (size_t i = 0; i < value_len(volumes); i++) {
        const struct value *volume = value_at(volumes, i);
        const char *name = value_get_str(within ? value_get(volume, within) : volume, "name");
        if (name)
            map_put(names, name, names);
    }
}

static void check_list(const struct map *names, const struct value *mounts, const char *path,
                       struct schema_walk *walk)
{
    for (size_t i = 0; i < value_len(mounts); i++) {
        const struct value *name = value_get(value_at(mounts, i), "name");
        if (str_empty(value_str(name)) || map_get(names, value_str(name)) ||
            WEAKENED(POD_MOUNT_WITHOUT_VOLUME))
            continue;
        char sub[160];
        snprintf(sub, sizeof(sub), "%s[%zu].name", path, i);
        schema_mistake(walk, name, sub, "FieldValueNotFound",
                       "\"%.63s\": the pod has no such volume", value_str(name));
    }
}

/* Names are looked up, not compared each with each: a hostile pod can have 10,000 of both. */
void pod_check_mounts(const struct value *pod, const char *at, const struct value *claims,
                      struct schema_walk *walk)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    static const char *const mounts[] = {"volumeMounts", "volumeDevices"};
    const struct value *spec = value_get(pod, "spec");
    struct map *names = map_new();
    add_names(names, value_get(spec, "volumes"), NULL);
    add_names(names, claims, "metadata");
    for (size_t list = 0; list < ARRAY_LEN(lists); list++) {
        const struct value *containers = value_get(spec, lists[list]);
        for (size_t i = 0; i < value_len(containers); i++)
            for (size_t n = 0; n < ARRAY_LEN(mounts); n++) {
                char path[96];
                snprintf(path, sizeof(path), "%sspec.%s[%zu].%s", at, lists[list], i, mounts[n]);
                check_list(names, value_get(value_at(containers, i), mounts[n]), path, walk);
            }
    }
    map_free(names, NULL);
}
