#pragma once
/* Shared by the files of claims.h only. */

#include "common/base/map.h"
#include "controller/reconcile/claim_index.h"
#include "controller/reconcile/claim_users.h"
#include "controller/reconcile/claims.h"
#include "controller/reconcile/claims_note.h"
#include "controller/reconcile/reconciler.h"
#include "controller/sched/volume_index.h"

struct claims {
    struct loop *loop;
    struct api *api;
    struct recorder *recorder;
    struct reconciler *frame; /* keys: "namespace/name" of a claim, and a volume's name */
    struct map *told;         /* key -> what was told of it last */
    struct claim_index *claims;
    struct volume_index *volumes;
    struct claim_users *users;
};

extern const struct api_user claims_user;

/* A write under way. */
struct claims_request {
    struct reconciler_write write;
    struct value *claim, *object; /* that it follows from; NULL where there is none */
    char *name;                   /* of a volume, a phase or a finalizer */
    struct claims_note note;      /* told when it is done */
    char *taken;                  /* the volume that is held meanwhile; NULL: none */
    int (*change)(const struct claims_request *request, struct value *object);
};
/* How a step changes an object, and which part of it. */
struct claims_step {
    int (*change)(const struct claims_request *request, struct value *object);
    unsigned flags;
};

extern const struct reconciler_ops claims_ops; /* others' done ends with claims_written */
enum work_end claims_written(struct reconciler_write *write, const struct api_answer *answer);
void claims_request_free(struct reconciler_write *write);
void claims_patch(struct claims_request *request, const struct api_ref *ref,
                  const struct claims_step *step);
/* Something is told of an object when it is not what was told of it last. */
void claims_tell(const struct claims *claims, const char *key, const struct value *object,
                 const struct claims_note *note);
/* Whether it is the one that was seen, and not another of its name. */
bool claims_same(const struct value *object, const struct value *seen);

void claims_look_at_claim(struct claims *claims, const char *key);
void claims_look_at_volume(struct claims *claims, const char *name);
