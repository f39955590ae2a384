#pragma once
/* What garbage collection does with one object: (object, its owners, its dependents) -> action.
 * Pure. The cases are Kubernetes'. */

#include "controller/reconcile/owners.h"

/* What stands behind an owner reference. */
enum garbage_owner {
    GARBAGE_ABSENT,    /* nothing: no object of that kind, name and uid */
    GARBAGE_SOLID,     /* an owner that stays, or one of a kind that nobody knows (yet) */
    GARBAGE_WAITING,   /* an owner that is deleted once its dependents are */
    GARBAGE_ORPHANING, /* an owner that is deleted once its dependents have let go of it */
};

struct garbage_view {
    const struct value *object;
    const enum garbage_owner *owners; /* of each of its metadata.ownerReferences */
    uint32_t dependents, blocking;    /* how many objects name it as their owner */
    bool cycle;                       /* it waits for itself (owners_cycle), or would */
};

enum garbage_action {
    GARBAGE_KEEP,
    GARBAGE_LET_GO,  /* it loses the references to owners that are marked in `drop` */
    GARBAGE_DELETE,  /* with `propagation` */
    GARBAGE_UNBLOCK, /* nobody waits for it any more (blockOwnerDeletion); then GARBAGE_DELETE */
    GARBAGE_RELEASE, /* it loses `finalizer`: its dependents are gone, or have let go */
};

struct garbage_plan {
    enum garbage_action action;
    const char *propagation, *finalizer;
    bool drop[4]; /* by enum garbage_owner */
};

struct garbage_plan garbage_plan(const struct garbage_view *view);

/* What carries the actions out on an object; true if that changes it. */
bool garbage_let_go(struct value *object, const char *const *uids, size_t count);
bool garbage_unblock(struct value *object);
bool garbage_release(struct value *object, const char *finalizer);
