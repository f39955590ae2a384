#pragma once
/* What a volume type is to the table in volume.c. A type either has something mounted (prepare) or
 * says which files there are to be (collect): these are written in one place, and again when what
 * they are made of has changed. */

#include "agent/volume/file_set.h"
#include "agent/volume/fs_group.h"
#include "agent/volume/volume.h"

typedef int volume_collect_fn(const struct volume_spec *spec, const struct value *source,
                              mode_t mode, struct file_set *ret, struct err *err);

struct volume_type {
    const char *field; /* in the volume: "emptyDir" */
    /* Fills ret->host_path and read_only, and group if it differs from one to another of the type.
     * `source` is the value of the field. */
    int (*prepare)(const struct volume_spec *spec, const char *name, const struct value *source,
                   struct volume *ret, struct err *err);
    /* Adds the files to ret; mode is of those that have none of their own. */
    volume_collect_fn *collect;
    enum fs_group_part group; /* what of a prepared one the pod's fsGroup gets */
};

extern const struct volume_type volume_empty_dir, volume_host_path, volume_config_map,
    volume_secret, volume_downward_api, volume_projected, volume_claim, volume_ephemeral,
    volume_image;

/* The sources of a projected volume, by their fields there. */
volume_collect_fn key_files_project_config_map, key_files_project_secret, downward_api_collect,
    account_token_collect;

/* Whether something is mounted there. */
bool volume_is_mounted(const char *path);
/* "<dir>/volumes/<name>", created. Caller frees. NULL on failure. */
char *volume_make_dir(const char *dir, const char *name, mode_t mode, struct err *err);
