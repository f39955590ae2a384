#pragma once
/* What binding and scheduling need of a claim and of a volume, read out of their documents once.
 * Strings are copies. Pure. */

#include "common/data/value.h"
#include "common/schema/quantity.h"
#include "controller/sched/view.h"

/* What both sides speak of. */
struct claim_terms {
    char *class;    /* "": none */
    unsigned modes; /* access modes, a bit each: CLAIM_MODE_* */
    bool block;     /* volumeMode Block */
    struct quantity size;
};
enum {
    CLAIM_MODE_RWO = 1 << 0,
    CLAIM_MODE_ROX = 1 << 1,
    CLAIM_MODE_RWX = 1 << 2,
    CLAIM_MODE_RWOP = 1 << 3,
};

struct claim_view {
    struct claim_terms terms;
    struct value *selector; /* NULL: none */
    char *volume;           /* spec.volumeName; "": none */
    char *node;             /* that was selected for its first pod; "": none */
    bool bound;             /* both sides said so once */
    bool deleting;
    bool sourced; /* its data is to begin as something else's */
};
struct volume_view {
    struct claim_terms terms;
    char *name;
    struct value *labels;   /* NULL: none */
    struct value *affinity; /* required NodeSelector; NULL: every node reaches it */
    char *claim;            /* "namespace/name" that it is bound to or kept for; "": free */
    char *claim_uid;        /* "": of whichever has that name */
    bool deleting;
    bool taken; /* the caller's: by a binding that is not written yet */
};

/* Replace nothing: *ret is filled anew. Wrong shapes count as absent. */
void claim_read(struct claim_view *ret, const struct value *claim);
void claim_done(struct claim_view *claim);
CLEANUP_DEFINE_VALUE(struct claim_view, claim_done);
void volume_read(struct volume_view *ret, const struct value *volume);
void volume_done(struct volume_view *volume);
CLEANUP_DEFINE_VALUE(struct volume_view, volume_done);

/* NULL, or what keeps the claim from that very volume, in Kubernetes' words: "requested PV is too
 * small". Selectors do not count. */
const char *volume_misfit(const struct volume_view *volume, const struct claim_view *claim);
/* The same of one that is kept for the claim, by whose word its class and modes do. */
const char *volume_kept_misfit(const struct volume_view *volume, const struct claim_view *claim);
/* It is nobody's, and has all that the claim asks of one it did not name. */
bool volume_fits(const struct volume_view *volume, const struct claim_view *claim);
/* Whether any claim could fare differently with the two. */
bool volume_same(const struct volume_view *a, const struct volume_view *b);
/* Whether it is kept for that claim ("namespace/name"), or bound to it. */
bool volume_is_for(const struct volume_view *volume, const char *claim, const char *uid);
