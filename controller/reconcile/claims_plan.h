#pragma once
/* Claims: what is to be done about one, from what stands in the store. The steps are Kubernetes':
 * the volume takes the claim (claimRef), the claim takes the volume (volumeName), each says so in
 * its status; one that is deleted waits for who uses it. Each is one write, made only if what it
 * follows from still holds, so that any of them may be the last one of a gateway's life. Pure. */

#include "controller/reconcile/claims_note.h"
#include "controller/sched/claim.h"

enum claim_action {
    CLAIM_KEEP,
    CLAIM_TAKE_VOLUME, /* `volume` gets the claim: claims_take_volume */
    CLAIM_TAKE_CLAIM,  /* the claim gets `volume`: claims_take_claim */
    CLAIM_IS_BOUND,    /* its status says so: claims_is_bound */
    CLAIM_IS_LOST,     /* claims_is_lost */
    CLAIM_PROVISION,   /* a volume is made: claims_provision */
    CLAIM_RELEASE,     /* its finalizer goes: claims_release */
};
struct claim_facts {
    const struct value *claim;
    const struct value *named;       /* the volume that it names; NULL: none, or not there */
    const struct volume_view *found; /* else: the one that is kept for it, or that fits; or NULL */
    const struct value *class;       /* the StorageClass it names; NULL: not there */
    bool placed;                     /* a node is selected for it, and there */
    bool used;                       /* by a pod that has a node */
    const char *waiting;             /* a pod with it that has none; NULL: there is none */
};
struct claim_verdict {
    enum claim_action action;
    char *volume; /* the caller's; or NULL */
    struct claims_note note;
};
void claim_verdict_done(struct claim_verdict *verdict);
CLEANUP_DEFINE_VALUE(struct claim_verdict, claim_verdict_done);
void claims_plan(const struct claim_facts *facts, struct claim_verdict *ret);

/* Whether volumes of that class are bound when the first pod comes. class NULL: not there. */
bool claims_wait_for_pod(const struct value *class);
/* Whether they are folders of nodes, which this gateway makes. */
bool claims_are_local(const struct value *class);
/* NULL, or why no folder of a node can be what the claim asks for. */
const char *claims_not_local(const struct claim_view *claim);

/* Each changes the object and returns 0, or returns 1: it says so, or is not the same any more. */
int claims_take_volume(struct value *volume, const struct value *claim);
int claims_take_claim(struct value *claim, const char *volume);
int claims_is_bound(struct value *claim, const struct value *volume);
int claims_is_lost(struct value *claim);
int claims_release(struct value *claim);
/* The volume for a claim for which a node is selected. The caller's. */
struct value *claims_provision(const struct value *claim, const struct value *class);
