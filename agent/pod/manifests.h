#pragma once
/* What the two manifest directories ask for, as one set: pods by uid, and what they read:
 * ConfigMaps, Secrets, claims and the PersistentVolumes behind these. The static directory wins
 * over the desired state where both name a pod.
 */

#include "agent/cache/desired.h"
#include "agent/pod/spec.h"
#include "common/fs/disk.h"

struct manifests;

/* A complaint about one file or directory: what stands there was left out and the last good content
 * stays in force. Told once a content, from inside manifests_read. */
typedef void manifests_problem_fn(void *ctx, const char *file, const char *message);

struct manifests_spec {
    struct disk *disk;
    const char *static_dir; /* may not exist */
    const char *node_name;
    struct desired *desired; /* NULL: none */
    manifests_problem_fn *problem;
    void *ctx;
};
struct manifests *manifests_new(const struct manifests_spec *spec);
void manifests_free(struct manifests *manifests);

/* Whether a file of that name in the static directory is a manifest: .yaml, .yml, .json, not
 * hidden. */
bool manifests_is_file(const char *name);

/* Reads both again: of the static directory each file, of the desired state what is new. Pointers
 * into the set end here: look pods up anew. */
void manifests_read(struct manifests *manifests);

const struct pod_spec *manifests_pod(const struct manifests *manifests, const char *uid);
/* i = 0, 1, ... until NULL. */
const struct pod_spec *manifests_pod_at(const struct manifests *manifests, size_t i);
/* True if a manifest that cannot be read just now (torn, damaged, a directory that does not answer,
 * a desired state without an index) may ask for a pod of this name: such a pod is left as it is.
 * What is damaged never means "stop". is_static: it came from the static directory
 * (pod_uid_is_static). */
bool manifests_may_want(const struct manifests *manifests, const char *ns, const char *name,
                        bool is_static);
/* Each image of each pod that a manifest asks for, as it is written there, those of pods that came
 * second to another of their name too. True if that is certainly all: nothing is in doubt. */
typedef void manifests_image_fn(void *ctx, const char *image);
nodiscard bool manifests_each_image(const struct manifests *manifests, manifests_image_fn *fn,
                                    void *ctx);
/* True if it is certain that no manifest asks for this pod, for what is removed and cannot come
 * back; ns and name are NULL where they are not known. Stricter than the opposite of may_want: a
 * static directory that is not there is a doubt too. */
bool manifests_rule_out(const struct manifests *manifests, const char *uid, const char *ns,
                        const char *name);
/* A ConfigMap, Secret, PersistentVolumeClaim or (ns "") PersistentVolume; NULL if the node has none
 * of that name. */
const struct value *manifests_find(const struct manifests *manifests, const char *kind,
                                   const char *ns, const char *name);
/* Every one of that kind; borrowed for the call. */
typedef void manifests_source_fn(void *ctx, const struct value *object);
void manifests_each_source(const struct manifests *manifests, const char *kind,
                           manifests_source_fn *fn, void *ctx);
