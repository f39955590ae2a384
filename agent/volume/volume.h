#pragma once
/* A pod's volumes: one file a type, one table. Prepared before the keeper is spawned; each becomes
 * a host path or a tmpfs that containers mount. */

#include "agent/runtime/launch.h"
#include "common/base/err.h"
#include "common/data/value.h"
#include "common/fs/disk.h"

struct volume_source {
    /* The node's copy of a ConfigMap or Secret (a value tree, borrowed until the next call); NULL
     * if the node does not have it. */
    const struct value *(*find)(void *ctx, const char *kind, const char *ns, const char *name);
    /* A token of the pod's ServiceAccount; NULL: this node has none. audience: NULL is the API's
     * own. 0 and its text (borrowed until the next call); -EAGAIN: it is on its way, ask again;
     * -ENOENT: it cannot be had now (no contact to the gateway): the pod starts without it. */
    int (*token)(void *ctx, const char *audience, int64_t expiration_s, const char **ret_text,
                 struct err *err);
    void *ctx;
};

struct volume_spec {
    const char *pod_ns;
    const char *disk_dir; /* of this pod alone, survives a reboot: emptyDir on disk */
    const char *tmp_dir;  /* of this pod alone, on tmpfs: configMap, secret (never on flash),
                             emptyDir Memory */
    const struct volume_source *source;
    int64_t fs_group; /* the pod's securityContext.fsGroup; -1 = none */
};

/* What a volume became. */
struct volume {
    char *name;
    char *host_path; /* bind this into the containers */
    bool read_only;  /* configMap, secret */
};

/* Prepares every volume of spec.volumes (a list; may be NULL). -ENOENT: something it needs is not
 * here yet
 * ("configmap default/app not found"); -EINVAL; -EACCES. Idempotent. *ret holds *ret_count items;
 * free with volumes_free. Blocks for a few small files. */
nodiscard int volumes_prepare(const struct volume_spec *spec, const struct value *volumes,
                              struct volume **ret, size_t *ret_count, struct err *err);
void volumes_free(struct volume *volumes, size_t count);
/* Unmounts and removes what prepare made for this pod (never a hostPath). */
void volumes_remove(const struct volume_spec *spec);
