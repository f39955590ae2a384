#pragma once
/* What a volume type is to the table in volume.c. */

#include "agent/volume/fs_group.h"
#include "agent/volume/volume.h"

struct volume_type {
    const char *field; /* in the volume: "emptyDir" */
    /* Fills ret->host_path and read_only. `source` is the value of the field. */
    int (*prepare)(const struct volume_spec *spec, const char *name, const struct value *source,
                   struct volume *ret, struct err *err);
    enum fs_group_part group; /* what of it the pod's fsGroup gets */
};

extern const struct volume_type volume_empty_dir, volume_host_path, volume_config_map,
    volume_secret;

/* "<dir>/volumes/<name>", created; fresh: without what an earlier try left there. Caller frees.
 * NULL on failure. */
char *volume_make_dir(const char *dir, const char *name, mode_t mode, bool fresh, struct err *err);
