#pragma once
/* Volumes: what is to be done about one, from what stands in the store: whether it is free, bound
 * or left behind by its claim, and what its policy makes of that. As in claims_plan.h each step is
 * one write that may be the last. Pure. */

#include "controller/reconcile/claims_note.h"

#include "common/data/value.h"

#include <stdbool.h>

enum volume_action {
    VOLUME_KEEP,
    VOLUME_PHASE,     /* its status says `phase`: volumes_phase */
    VOLUME_UNBIND,    /* it is free again: volumes_unbind */
    VOLUME_DELETE,    /* with its claim: its policy says so */
    VOLUME_UNPROTECT, /* LOCAL_VOLUME_PROTECTION goes */
    VOLUME_FORGET,    /* LOCAL_VOLUME_FINALIZER goes: no node has anything to remove */
};
struct volume_facts {
    const struct value *volume;
    const struct value *claim; /* that its claimRef names; NULL: not there */
    bool node_gone;            /* of one that is deleted: the node that it lies on is no more */
};
struct volume_verdict {
    enum volume_action action;
    const char *phase;
    struct claims_note note; /* its message is the status' too */
};
void volume_verdict_done(struct volume_verdict *verdict);
CLEANUP_DEFINE_VALUE(struct volume_verdict, volume_verdict_done);
void volumes_plan(const struct volume_facts *facts, struct volume_verdict *ret);

int volumes_phase(struct value *volume, const char *phase, const char *message,
                  int64_t now_wall_ns);
int volumes_unbind(struct value *volume);
int volumes_release(struct value *volume, const char *finalizer);
