/* persistentVolumeClaim and ephemeral: storage that outlives the pod. */

#include "agent/volume/claim.h"

#include "agent/volume/persistent_dir.h"
#include "agent/volume/type.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/local_volume.h"
#include "common/kinds/pod_claims.h"
#include "common/schema/format.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define OWN_CLASS "local" /* of claims that no gateway has seen */

static const char *meta_of(const struct value *object, const char *field)
{
    const char *text = value_str(value_path(object, "metadata", field, NULL));
    return text ? text : "";
}

static const char *text_of(const struct value *map, const char *field)
{
    const char *text = value_get_str(map, field);
    return text ? text : "";
}

bool claim_is_ours(const struct value *pv)
{
    const struct value *annotations = value_path(pv, "metadata", "annotations", NULL);
    return str_eq(value_get_str(annotations, LOCAL_VOLUME_PROVISIONED_BY),
                  LOCAL_VOLUME_PROVISIONER);
}

bool claim_is_ending(const struct value *pv)
{
    const struct value *finalizers = value_path(pv, "metadata", "finalizers", NULL);
    const char *policy = value_str(value_path(pv, "spec", "persistentVolumeReclaimPolicy", NULL));
    bool guarded = value_has_str(finalizers, LOCAL_VOLUME_PROTECTION);
    return claim_is_ours(pv) && str_eq(policy, "Delete") &&
           !str_empty(meta_of(pv, "deletionTimestamp")) &&
           value_has_str(finalizers, LOCAL_VOLUME_FINALIZER) &&
           (!guarded || WEAKENED(CLAIM_PROTECTED));
}

/* A claim of the node's own folder of manifests, which no gateway binds. */
static bool is_lone(const struct value *claim)
{
    return str_empty(meta_of(claim, "uid"));
}

/* What is not bound to that claim is another's data. */
static int check_bound(const struct value *claim, const struct value *pv, struct err *err)
{
    const struct value *ref = value_path(pv, "spec", "claimRef", NULL);
    const char *uid = text_of(ref, "uid");
    bool same = str_eq(text_of(ref, "namespace"), meta_of(claim, "namespace")) &&
                str_eq(text_of(ref, "name"), meta_of(claim, "name")) &&
                (is_lone(claim) || str_eq(uid, meta_of(claim, "uid")));
    if (same || (!ref && is_lone(claim)) || WEAKENED(CLAIM_BOUND))
        return 0;
    return err_set(err, -EINVAL, "persistentvolume \"%s\" is not bound to claim \"%s/%s\"",
                   meta_of(pv, "name"), meta_of(claim, "namespace"), meta_of(claim, "name"));
}

static bool only_for_reading(const struct value *object)
{
    const struct value *modes = value_path(object, "spec", "accessModes", NULL);
    return value_len(modes) == 1 && value_has_str(modes, "ReadOnlyMany");
}

static int check_path(const char *path, struct err *err)
{
    const char *why = path[0] != '/' ? "must be an absolute path" : format_host_path(path);
    return why ? err_set(err, -EINVAL, "\"%s\": %s", path, why) : 0;
}

static int mount_own(const struct volume_spec *spec, const char *name, struct volume *ret,
                     struct err *err)
{
    autofree char *dir = xasprintf("%s/" CLAIM_DIR, spec->node_dir);
    ret->group = FS_GROUP_LASTING;
    return persistent_dir_make(dir, name, &ret->host_path, err);
}

static int mount_local(const char *path, struct volume *ret, struct err *err)
{
    struct stat st;
    int rc = check_path(path, err);
    if (rc < 0)
        return rc;
    if (stat(path, &st) < 0)
        return errno == ENOENT ? err_set(err, -ENOENT, "path \"%s\" does not exist", path)
                               : err_errno(err, errno, "path \"%s\"", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, -EINVAL, "path \"%s\" is not a directory", path);
    ret->group = FS_GROUP_LASTING;
    ret->host_path = realpath(path, NULL); /* a keeper follows no link at the end of a source */
    return ret->host_path ? 0 : err_errno(err, errno, "path \"%s\"", path);
}

/* In the words of a kubelet, and as a kubelet for what is about to be mounted alone: labels change
 * under pods that run. */
static int check_node(const struct volume_spec *spec, const struct value *pv, struct err *err)
{
    const struct value *annotations = value_path(pv, "metadata", "annotations", NULL);
    if (spec->runs || !value_get(annotations, LOCAL_VOLUME_ELSEWHERE) || WEAKENED(CLAIM_NODE))
        return 0;
    return err_set(err, -EINVAL,
                   "MountVolume.NodeAffinity check failed for volume \"%s\" : no matching "
                   "NodeSelectorTerms",
                   meta_of(pv, "name"));
}

static int mount_volume(const struct volume_spec *spec, const struct value *pv, struct volume *ret,
                        struct err *err)
{
    const char *name = meta_of(pv, "name");
    const struct value *source = value_get(pv, "spec");
    const struct value *local = value_get(source, "local");
    const struct value *host = value_get(source, "hostPath");
    const char *why = str_eq(value_get_str(source, "volumeMode"), "Block")
                          ? "has volumeMode Block, but is specified in volumeMounts"
                      : claim_is_ending(pv)
                          ? "is being deleted" /* it may be gone: it must not come back empty */
                      : !claim_is_ours(pv) && !local && !host
                          ? "is neither local nor hostPath, which this node mounts alone"
                          : NULL;
    if (why)
        return err_set(err, -EINVAL, "volume %s %s", name, why);
    if (claim_is_ours(pv))
        return mount_own(spec, name, ret, err);
    if (local)
        return mount_local(text_of(local, "path"), ret, err);
    int rc = check_path(text_of(host, "path"), err);
    return rc < 0 ? rc : volume_host_path.prepare(spec, name, host, ret, err);
}

/* A node by itself gives its claims a folder, which stays when they go. */
static int mount_lone(const struct volume_spec *spec, const struct value *claim, struct volume *ret,
                      struct err *err)
{
    const struct value *class = value_path(claim, "spec", "storageClassName", NULL);
    const char *name = meta_of(claim, "name");
    if (!is_lone(claim) || (class && !str_eq(value_str(class), OWN_CLASS)))
        return err_set(err, -ENOENT, "persistentvolumeclaim \"%s\" is not bound", name);
    autofree char *folder = xasprintf("%s_%s", meta_of(claim, "namespace"), name);
    return mount_own(spec, folder, ret, err);
}

static int mount_claim(const struct volume_spec *spec, const struct value *claim,
                       struct volume *ret, struct err *err)
{
    const char *name = value_str(value_path(claim, "spec", "volumeName", NULL));
    ret->read_only = only_for_reading(claim);
    if (str_empty(name))
        return mount_lone(spec, claim, ret, err);
    const struct value *pv = spec->source->find(spec->source->ctx, "PersistentVolume", "", name);
    if (!pv)
        return err_set(err, -ENOENT, "persistentvolume \"%s\" not found", name);
    int rc = check_bound(claim, pv, err);
    if (rc == 0)
        rc = check_node(spec, pv, err);
    ret->read_only |= only_for_reading(pv);
    return rc < 0 ? rc : mount_volume(spec, pv, ret, err);
}

/* Somebody else's claim of that name is not for this pod. */
static bool is_owner(const struct value *pod, const struct value *claim)
{
    const struct value *owners = value_path(claim, "metadata", "ownerReferences", NULL);
    for (size_t i = 0; i < value_len(owners); i++) {
        const struct value *owner = value_at(owners, i);
        if (value_get_bool(owner, "controller", false) &&
            str_eq(value_get_str(owner, "uid"), meta_of(pod, "uid")))
            return true;
    }
    return false;
}

static int find_and_mount(const struct volume_spec *spec, const char *name, bool own,
                          struct volume *ret, struct err *err)
{
    const struct value *claim =
        spec->source->find(spec->source->ctx, "PersistentVolumeClaim", spec->pod_ns, name);
    if (!claim)
        return err_set(err, -ENOENT, "persistentvolumeclaim \"%s\" not found", name);
    if (own && !is_owner(spec->pod, claim))
        return err_set(err, -EINVAL, "PVC %s/%s was not created for pod %s/%s (pod is not owner)",
                       spec->pod_ns, name, spec->pod_ns, meta_of(spec->pod, "name"));
    return mount_claim(spec, claim, ret, err);
}

static int prepare(const struct volume_spec *spec, const char *name, const struct value *source,
                   struct volume *ret, struct err *err)
{
    (void)name;
    int rc = find_and_mount(spec, text_of(source, "claimName"), false, ret, err);
    ret->read_only |= value_get_bool(source, "readOnly", false);
    return rc;
}

static int prepare_ephemeral(const struct volume_spec *spec, const char *name,
                             const struct value *source, struct volume *ret, struct err *err)
{
    (void)source;
    autofree char *own = pod_claims_own(spec->pod, name);
    return find_and_mount(spec, own, true, ret, err);
}

const struct volume_type volume_claim = {.field = "persistentVolumeClaim", .prepare = prepare};
const struct volume_type volume_ephemeral = {.field = "ephemeral", .prepare = prepare_ephemeral};
