#include "controller/reconcile/volumes_plan.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/claim_words.h"
#include "common/kinds/kinds.h"
#include "common/kinds/local_volume.h"
#include "controller/manifest/local_volume.h"

#include <stdlib.h>

void volume_verdict_done(struct volume_verdict *verdict)
{
    claims_note_done(&verdict->note);
}

static const char *policy_of(const struct value *volume)
{
    return value_get_str(value_get(volume, "spec"), "persistentVolumeReclaimPolicy");
}

static bool has_finalizer(const struct value *volume, const char *finalizer)
{
    return value_has_str(value_path(volume, "metadata", "finalizers", NULL), finalizer);
}

static bool is_deleting(const struct value *volume)
{
    return value_path(volume, "metadata", "deletionTimestamp", NULL) != NULL;
}

/* The claim is gone for good: whoever has its name now is another. */
static bool is_left(const struct volume_facts *facts)
{
    const struct value *ref = value_path(facts->volume, "spec", "claimRef", NULL);
    const char *uid = value_get_str(ref, "uid");
    return !str_empty(uid) && !str_eq(object_uid(facts->claim), uid);
}

static bool made_here(const struct volume_facts *facts)
{
    return local_volume_is(facts->volume);
}

static void be(struct volume_verdict *ret, const char *phase)
{
    ret->action = VOLUME_PHASE;
    ret->phase = phase;
}

static void fail(struct volume_verdict *ret, const char *reason, const char *message)
{
    be(ret, "Failed");
    claims_note_set(&ret->note, "Warning", reason, "%s", message);
}

/* What becomes of one whose claim is gone. */
static void plan_reclaim(const struct volume_facts *facts, struct volume_verdict *ret)
{
    const char *phase = value_str(value_path(facts->volume, "status", "phase", NULL));
    const char *policy = policy_of(facts->volume);
    if (!str_eq(phase, "Released") && !str_eq(phase, "Failed"))
        be(ret, "Released");
    else if (is_deleting(facts->volume) || str_eq(phase, "Failed"))
        ret->action = VOLUME_KEEP;
    else if (str_eq(policy, "Delete") && made_here(facts))
        ret->action = VOLUME_DELETE;
    else if (str_eq(policy, "Delete"))
        fail(ret, "VolumeFailedDelete", "no deletable volume plugin matched");
    else if (str_eq(policy, "Recycle"))
        fail(ret, "VolumeFailedRecycle", "No recycler plugin found for the volume!");
}

/* Its claim, which is there, has another volume. */
static void plan_spurned(const struct volume_facts *facts, struct volume_verdict *ret)
{
    if (made_here(facts) && str_eq(policy_of(facts->volume), "Delete"))
        ret->action = is_deleting(facts->volume) ? VOLUME_KEEP : VOLUME_DELETE;
    else
        ret->action = VOLUME_UNBIND;
}

static void plan_deleted(const struct volume_facts *facts, bool bound, struct volume_verdict *ret)
{
    bool local = has_finalizer(facts->volume, LOCAL_VOLUME_FINALIZER) && made_here(facts);
    if (bound)
        return;
    if (has_finalizer(facts->volume, LOCAL_VOLUME_PROTECTION))
        ret->action = VOLUME_UNPROTECT;
    else if (local && (facts->node_gone || !str_eq(policy_of(facts->volume), "Delete")))
        ret->action = VOLUME_FORGET;
}

void volumes_plan(const struct volume_facts *facts, struct volume_verdict *ret)
{
    const struct value *ref = value_path(facts->volume, "spec", "claimRef", NULL);
    const char *named = value_str(value_path(facts->claim, "spec", "volumeName", NULL));
    const char *phase = value_str(value_path(facts->volume, "status", "phase", NULL));
    bool owned = !str_empty(value_get_str(ref, "uid"));
    bool left = owned && is_left(facts);
    bool bound = owned && !left && str_eq(named, object_name(facts->volume));
    *ret = (struct volume_verdict){0};
    if (!owned)
        be(ret, "Available");
    else if (left)
        plan_reclaim(facts, ret);
    else if (bound)
        be(ret, "Bound");
    else if (!str_empty(named))
        plan_spurned(facts, ret);
    /* else the claim has not taken it yet, and will. */
    if (ret->action == VOLUME_PHASE && str_eq(ret->phase, phase))
        ret->action = VOLUME_KEEP;
    bool waits = owned && !left && str_empty(named);
    if (ret->action == VOLUME_KEEP && is_deleting(facts->volume))
        plan_deleted(facts, (bound || waits) && !WEAKENED(VOLUME_IN_USE), ret);
    if (ret->action == VOLUME_KEEP)
        claims_note_done(&ret->note);
}

/* ---- the steps ---- */

int volumes_phase(struct value *volume, const char *phase, const char *message, int64_t now_wall_ns)
{
    char now[CLOCK_RFC3339_LEN];
    struct value *status = value_make_map(volume, "status", NULL);
    if (!status || str_eq(value_get_str(status, "phase"), phase))
        return 1;
    clock_format(now_wall_ns, 0, now);
    value_set_str(status, "phase", phase);
    value_set_str(status, "message", message);
    value_set_str(status, "lastPhaseTransitionTime", now);
    return 0;
}

/* One that its author kept for the claim by name stays kept for that name. */
int volumes_unbind(struct value *volume)
{
    struct value *spec = value_get(volume, "spec"), *ref = value_get(spec, "claimRef");
    struct value *annotations = value_path(volume, "metadata", "annotations", NULL);
    if (value_type(ref) != VALUE_MAP)
        return 1;
    if (object_annotation(volume, CLAIM_BOUND_BY)) {
        value_del(annotations, CLAIM_BOUND_BY);
        value_del(spec, "claimRef");
    } else {
        value_del(ref, "uid");
        value_del(ref, "resourceVersion");
    }
    return 0;
}

int volumes_release(struct value *volume, const char *finalizer)
{
    return is_deleting(volume) ? claims_unfinalize(volume, finalizer) : 1;
}
