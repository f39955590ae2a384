#include "controller/reconcile/claims_plan.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/claim_words.h"
#include "common/kinds/kinds.h"
#include "common/kinds/local_volume.h"
#include "controller/manifest/local_volume.h"

#include <stdlib.h>

#define NORMAL "Normal"
#define WARNING "Warning"
#define LOCAL_PATH "/var/lib/limpet/volumes/" /* for readers: nodes name the folder themselves */

void claim_verdict_done(struct claim_verdict *verdict)
{
    free(verdict->volume);
    claims_note_done(&verdict->note);
}

static void act(struct claim_verdict *ret, enum claim_action action, const char *volume)
{
    ret->action = action;
    ret->volume = volume ? xstrdup(volume) : NULL;
}

/* ---- classes ---- */

bool claims_wait_for_pod(const struct value *class)
{
    return str_eq(value_get_str(class, "volumeBindingMode"), "WaitForFirstConsumer");
}

bool claims_are_local(const struct value *class)
{
    return str_eq(value_get_str(class, "provisioner"), LOCAL_VOLUME_PROVISIONER);
}

const char *claims_not_local(const struct claim_view *claim)
{
    if (claim->terms.block)
        return "a folder is no block device: volumeMode must be Filesystem";
    if (claim->terms.modes & ~(unsigned)(CLAIM_MODE_RWO | CLAIM_MODE_RWOP))
        return "a folder of one node can only be ReadWriteOnce or ReadWriteOncePod";
    if (claim->selector)
        return "claim Selector is not supported";
    if (claim->sourced)
        return "a folder begins empty: data sources are not supported";
    return NULL;
}

/* ---- what is to be done ---- */

static void lose(struct claim_verdict *ret, const char *reason, const char *message)
{
    act(ret, CLAIM_IS_LOST, NULL);
    claims_note_set(&ret->note, WARNING, reason, "%s", message);
}

/* Nothing is there for it: one is made, or it waits. */
static void plan_new(const struct claim_facts *facts, const struct claim_view *claim,
                     struct claim_verdict *ret)
{
    const char *name = claim->terms.class, *why = claims_not_local(claim);
    const char *provisioner = value_get_str(facts->class, "provisioner");
    struct claims_note *note = &ret->note;
    if (!*name)
        claims_note_set(note, NORMAL, "FailedBinding",
                        "no persistent volumes available for this claim and no storage class is "
                        "set");
    else if (!facts->class)
        claims_note_set(note, WARNING, "ProvisioningFailed",
                        "storageclass.storage.k8s.io \"%s\" not found", name);
    else if (claims_wait_for_pod(facts->class) && !facts->placed && facts->waiting)
        claims_note_set(note, NORMAL, "WaitForPodScheduled", "waiting for pod %s to be scheduled",
                        facts->waiting);
    else if (claims_wait_for_pod(facts->class) && !facts->placed)
        claims_note_set(note, NORMAL, "WaitForFirstConsumer",
                        "waiting for first consumer to be created before binding");
    else if (str_eq(provisioner, CLAIM_NO_PROVISIONER))
        claims_note_set(note, WARNING, "ProvisioningFailed", "no volume plugin matched name: %s",
                        provisioner);
    else if (!claims_are_local(facts->class))
        claims_note_set(note, NORMAL, "ExternalProvisioning",
                        "Waiting for a volume to be created either by the external provisioner "
                        "'%s' or manually by the system administrator. If volume creation is "
                        "delayed, please verify that the provisioner is running and correctly "
                        "registered.",
                        provisioner ? provisioner : "");
    else if (why || !facts->placed)
        claims_note_set(note, WARNING, "ProvisioningFailed",
                        "failed to provision volume with StorageClass \"%s\": %s", name,
                        why ? why
                            : "a folder is made on the node of its first pod: the class must have "
                              "volumeBindingMode WaitForFirstConsumer");
    else
        act(ret, CLAIM_PROVISION, NULL);
}

static void plan_unnamed(const struct claim_facts *facts, const struct claim_view *claim,
                         struct claim_verdict *ret)
{
    const struct volume_view *found = facts->found;
    if (claim->bound)
        lose(ret, "ClaimLost",
             "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
    else if (!found)
        plan_new(facts, claim, ret);
    else if (*found->claim_uid)
        act(ret, CLAIM_TAKE_CLAIM, found->name);
    else
        act(ret, CLAIM_TAKE_VOLUME, found->name);
}

/* Both have said it: their statuses follow. */
static void plan_bound(const struct claim_facts *facts, const char *name, struct claim_verdict *ret)
{
    cleanup(value_free) struct value *next = value_copy(facts->claim);
    if (claims_is_bound(next, facts->named) == 0)
        act(ret, CLAIM_IS_BOUND, name);
}

static void plan_named(const struct claim_facts *facts, const struct claim_view *claim,
                       struct claim_verdict *ret)
{
    cleanup(volume_done) struct volume_view volume = {0};
    const char *ns = object_namespace(facts->claim), *name = object_name(facts->claim);
    autofree char *key = xasprintf("%s/%s", ns ? ns : "", name ? name : "");
    volume_read(&volume, facts->named);
    const char *misfit = volume_misfit(&volume, claim);
    bool its = volume_is_for(&volume, key, object_uid(facts->claim));
    if (!facts->named && claim->bound)
        lose(ret, "ClaimLost",
             "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
    else if (!facts->named)
        claims_note_set(&ret->note, NORMAL, "FailedBinding", "volume \"%s\" not found.",
                        claim->volume);
    else if (!*volume.claim && !claim->bound && misfit)
        claims_note_set(&ret->note, WARNING, "VolumeMismatch",
                        "Cannot bind to requested volume \"%s\": %s", claim->volume, misfit);
    else if (!*volume.claim || (its && !*volume.claim_uid))
        act(ret, volume.deleting ? CLAIM_KEEP : CLAIM_TAKE_VOLUME, claim->volume);
    else if (its && !claim->bound)
        act(ret, CLAIM_TAKE_CLAIM, claim->volume);
    else if (its)
        plan_bound(facts, claim->volume, ret);
    else if (claim->bound)
        lose(ret, "ClaimMisbound",
             "Two claims are bound to the same volume, this one is bound incorrectly");
    else
        claims_note_set(&ret->note, WARNING, "FailedBinding",
                        "volume \"%s\" already bound to a different claim.", claim->volume);
}

void claims_plan(const struct claim_facts *facts, struct claim_verdict *ret)
{
    cleanup(claim_done) struct claim_view claim = {0};
    const struct value *finalizers = value_path(facts->claim, "metadata", "finalizers", NULL);
    const char *phase = value_str(value_path(facts->claim, "status", "phase", NULL));
    *ret = (struct claim_verdict){0};
    claim_read(&claim, facts->claim);
    if (claim.deleting && value_has_str(finalizers, CLAIM_PROTECTION) &&
        (!facts->used || WEAKENED(CLAIM_IN_USE)))
        act(ret, CLAIM_RELEASE, NULL);
    else if (claim.deleting && !claim.bound)
        return; /* it is not given any more */
    else if (*claim.volume)
        plan_named(facts, &claim, ret);
    else
        plan_unnamed(facts, &claim, ret);
    if (ret->action == CLAIM_IS_LOST && str_eq(phase, "Lost")) {
        ret->action = CLAIM_KEEP;
        claims_note_done(&ret->note);
    }
}

/* ---- the steps ---- */

static struct value *annotations_of(struct value *object)
{
    return value_make_map(object, "metadata", "annotations", NULL);
}

static struct value *reference_to(const struct value *claim)
{
    struct value *ref = value_new_map();
    value_set_str(ref, "kind", "PersistentVolumeClaim");
    value_set_str(ref, "apiVersion", "v1");
    value_set_str(ref, "namespace", object_namespace(claim));
    value_set_str(ref, "name", object_name(claim));
    value_set_str(ref, "uid", object_uid(claim));
    value_set_str(ref, "resourceVersion",
                  value_get_str(value_get(claim, "metadata"), "resourceVersion"));
    return ref;
}

int claims_take_volume(struct value *volume, const struct value *claim)
{
    cleanup(volume_done) struct volume_view view = {0};
    struct value *spec = value_get(volume, "spec");
    autofree char *key = xasprintf("%s/%s", object_namespace(claim), object_name(claim));
    volume_read(&view, volume);
    bool its = *view.claim && !*view.claim_uid && volume_is_for(&view, key, object_uid(claim));
    if (view.deleting || (*view.claim && !its))
        return 1;
    value_set(spec, "claimRef", reference_to(claim));
    if (!*view.claim)
        value_set_str(annotations_of(volume), CLAIM_BOUND_BY, "yes");
    return 0;
}

int claims_take_claim(struct value *claim, const char *volume)
{
    struct value *spec = value_get(claim, "spec");
    const char *name = value_get_str(spec, "volumeName");
    if (!str_empty(name) && !str_eq(name, volume))
        return 1;
    if (str_empty(name))
        value_set_str(annotations_of(claim), CLAIM_BOUND_BY, "yes");
    value_set_str(annotations_of(claim), CLAIM_BIND_COMPLETED, "yes");
    value_set_str(spec, "volumeName", volume);
    return 0;
}

int claims_is_bound(struct value *claim, const struct value *volume)
{
    const struct value *spec = value_get(volume, "spec");
    struct value *status = value_make_map(claim, "status", NULL);
    if (!status || !spec)
        return 1;
    cleanup(value_free) struct value *before = value_copy(status);
    value_set_str(status, "phase", "Bound");
    value_set(status, "accessModes", value_copy(value_get(spec, "accessModes")));
    value_set(status, "capacity", value_copy(value_get(spec, "capacity")));
    return value_equal(before, status) ? 1 : 0;
}

int claims_is_lost(struct value *claim)
{
    struct value *status = value_make_map(claim, "status", NULL);
    if (!status || str_eq(value_get_str(status, "phase"), "Lost"))
        return 1;
    value_set_str(status, "phase", "Lost");
    value_del(status, "accessModes");
    value_del(status, "capacity");
    return 0;
}

int claims_release(struct value *claim)
{
    return value_path(claim, "metadata", "deletionTimestamp", NULL)
               ? claims_unfinalize(claim, CLAIM_PROTECTION)
               : 1;
}

/* ---- a new volume ---- */

static struct value *only_node(const char *node)
{
    struct value *affinity = value_new_map(), *terms = value_new_list(), *term = value_new_map();
    struct value *list = value_new_list(), *one = value_new_map(), *values = value_new_list();
    value_append(values, value_new_str(node));
    value_set_str(one, "key", LOCAL_VOLUME_HOST);
    value_set_str(one, "operator", "In");
    value_set(one, "values", values);
    value_append(list, one);
    value_set(term, "matchExpressions", list);
    value_append(terms, term);
    value_set(value_make_map(affinity, "required", NULL), "nodeSelectorTerms", terms);
    return affinity;
}

struct value *claims_provision(const struct value *claim, const struct value *class)
{
    const struct value *asks = value_get(claim, "spec");
    const char *policy = value_get_str(class, "reclaimPolicy");
    autofree char *name = xasprintf("pvc-%s", object_uid(claim));
    autofree char *path = xasprintf(LOCAL_PATH "%s", name);
    struct value *volume = value_new_map(), *finalizers = value_new_list();
    struct value *meta = value_make_map(volume, "metadata", NULL);
    struct value *spec = value_make_map(volume, "spec", NULL);
    value_append(finalizers, value_new_str(LOCAL_VOLUME_FINALIZER));
    value_set_str(meta, "name", name);
    value_set(meta, "finalizers", finalizers);
    value_set_str(annotations_of(volume), LOCAL_VOLUME_PROVISIONED_BY, LOCAL_VOLUME_PROVISIONER);
    value_set(spec, "accessModes", value_copy(value_get(asks, "accessModes")));
    value_set(value_make_map(spec, "capacity", NULL), "storage",
              value_copy(value_path(asks, "resources", "requests", "storage", NULL)));
    value_set(spec, "claimRef", reference_to(claim));
    value_set_str(spec, "persistentVolumeReclaimPolicy", policy ? policy : "Delete");
    value_set_str(spec, "storageClassName", object_name(class));
    value_set_str(spec, "volumeMode", "Filesystem");
    value_set_str(value_make_map(spec, "local", NULL), "path", path);
    value_set(spec, "nodeAffinity", only_node(object_annotation(claim, CLAIM_SELECTED_NODE)));
    return volume;
}
