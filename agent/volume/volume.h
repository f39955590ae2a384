#pragma once
/* A pod's volumes: one file a type, one table. Prepared before the keeper is spawned; each becomes
 * a host path or a tmpfs that containers mount. */

#include "agent/runtime/launch.h"
#include "agent/volume/disk_usage.h"
#include "agent/volume/fs_group.h"
#include "agent/volume/gift.h"
#include "common/base/err.h"
#include "common/data/value.h"
#include "common/fs/disk.h"

#define VOLUME_AT_ONCE 256

struct volume_source {
    /* The node's copy of a ConfigMap or Secret (a value tree, borrowed until the next call); NULL
     * if the node does not have it. */
    const struct value *(*find)(void *ctx, const char *kind, const char *ns, const char *name);
    /* A token of the pod's ServiceAccount; NULL: this node has none. audience: NULL is the API's
     * own. 0 and its text (borrowed until the next call); -EAGAIN: it is on its way, ask again;
     * -ENOENT: it cannot be had now (no contact to the gateway): the pod starts without it. */
    int (*token)(void *ctx, const char *audience, int64_t expiration_s, const char **ret_text,
                 struct err *err);
    /* The layers of the image that this volume of the pod is, lowest first, NULL-terminated;
     * borrowed as above. NULL: it is not here. */
    const char *const *(*layers)(void *ctx, const char *volume);
    /* Gives a folder to the pod that has more than VOLUME_AT_ONCE files, and does not block: as
     * giver_give (giver.h). NULL: nobody does it, all is done at once. */
    int (*give)(void *ctx, const struct gift *gift, struct err *err);
    /* Whether that was done to the end since the pod waits for its volumes. */
    bool (*given)(void *ctx, const struct gift *gift);
    void *ctx;
};

struct volume_spec {
    const char *pod_ns;
    const struct value *pod;         /* the whole Pod: downwardAPI tells of it */
    const struct value *allocatable; /* what the node has for pods (Node's status.allocatable) */
    const char *disk_dir;            /* of this pod alone, survives a reboot: emptyDir on disk */
    const char *node_dir; /* of all pods, survives a reboot: CLAIM_DIR of claim.h below it */
    const char *tmp_dir;  /* of this pod alone, on tmpfs: configMap, secret and the like (never on
                             flash), emptyDir Memory */
    const struct volume_source *source;
    int64_t fs_group; /* the pod's securityContext.fsGroup; -1 = none */
    int64_t user;     /* the one user that all its containers run as by their manifest; -1 = none */
    bool runs;        /* the pod does already: what was mounted once stays its own */
    const char *label; /* of SELinux, that files of its volumes have; NULL: none */
    int64_t now_wall_ns;
};

/* What a volume became. */
struct volume {
    char *name;
    char *host_path;          /* bind this into the containers */
    bool read_only;           /* what is made of files that the node writes, or says so itself */
    enum fs_group_part group; /* what of it the pod's fsGroup gets */
};

/* Prepares every volume of spec.volumes (a list; may be NULL). -ENOENT: something it needs is not
 * here yet ("configmap "app" not found"); -EAGAIN: a token is on its way, -EINPROGRESS: one is
 * being given to the pod, and nothing is wrong; -EINVAL; -EACCES. Idempotent. *ret holds *ret_count
 * items; free with volumes_free. Blocks for a few small files. */
nodiscard int volumes_prepare(const struct volume_spec *spec, const struct value *volumes,
                              struct volume **ret, size_t *ret_count, struct err *err);
void volumes_free(struct volume *volumes, size_t count);
/* Brings the files of a pod that runs up to date with what they are made of: ConfigMaps, Secrets,
 * the pod's labels and annotations, tokens. Each volume changes at once or, where what it needs is
 * not to be had, stays as it is; what has not changed is not written. Returns how many have
 * changed, or the first error after all were tried: -ENOENT, -EINVAL, -ENOSPC... */
nodiscard int volumes_refresh(const struct volume_spec *spec, const struct value *volumes,
                              struct err *err);
/* What an emptyDir on disk holds. What is in memory is bounded by its mount. */
struct volume_measure {
    const char *name;
    int64_t size_limit; /* bytes; 0 = none */
    struct disk_usage usage;
};
typedef void volume_measured_fn(void *ctx, const struct volume_measure *measure);
/* Tells of each of the pod's emptyDirs on disk that is there. Blocks as disk_usage_add says. */
void volumes_measure(const struct volume_spec *spec, const struct value *volumes,
                     volume_measured_fn *fn, void *ctx);
/* Unmounts and removes what prepare made for this pod (never a hostPath). */
void volumes_remove(const struct volume_spec *spec);
