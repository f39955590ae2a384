#pragma once
/* Shared by the files of schedule.h only. */

#include "common/base/list.h"
#include "common/base/map.h"
#include "controller/reconcile/reconciler.h"
#include "controller/reconcile/schedule.h"
#include "controller/sched/sched.h"
#include "controller/sched/storage.h"
#include "controller/sched/volume_index.h"

#define SCHEDULE_RETRY_NS                                                                          \
    (500 * NS_PER_MS)              /* the least time between two tries of all that fitted nowhere */
#define SCHEDULE_AGAIN_NS NS_PER_S /* after a write that failed; longer each time */
#define SCHEDULE_AGAIN_MAX_NS (10 * NS_PER_S) /* as in Kubernetes */

struct node {
    struct sched_node view;
};

/* The pods of a claim. */
struct users {
    struct list list; /* of struct use */
    size_t placed;    /* of them, those that take room on a node */
};

/* A claim of a pod. */
struct use {
    struct list link; /* of users->list */
    struct pod *pod;
    char *claim; /* "namespace/name" */
};

struct pod {
    char *key, *uid;
    struct sched_pod view;
    char *node; /* where it takes room: bound or about to be; NULL: nowhere */
    char *told; /* the message that its condition got from us; NULL: none */
    bool binding;
    bool claiming; /* its node is chosen; it waits there until its claims are bound */
    bool ours;     /* to find a node for */
    struct use *uses;
    size_t use_count;
};

struct schedule {
    struct loop *loop;
    struct api *api;
    struct rng *rng;
    struct recorder *recorder;
    struct reconciler *frame; /* keys: "namespace/name" of pods to be tried; those that fitted
                                 nowhere await a change */
    struct volume_index *volumes;
    struct map *users;                    /* "namespace/name" of a claim -> struct users */
    struct map *pods;                     /* "namespace/name" -> struct pod */
    struct map *nodes;                    /* name -> struct node */
    const struct sched_node **candidates; /* sorted by name */
    size_t candidate_count;
    bool candidates_stale;
};

extern const struct api_user schedule_user;

/* ---- schedule.c: whose turn it is, and where there is room ---- */

void schedule_put(struct schedule *schedule, const struct pod *pod); /* to be tried */
/* Not before something changes that may let it in. */
void schedule_await(struct schedule *schedule, const struct pod *pod);
void schedule_take_room(struct schedule *schedule, struct pod *pod, const char *node);
void schedule_leave_room(struct schedule *schedule, struct pod *pod);

/* ---- schedule_write.c ---- */

/* Puts it there; its room is taken at once. */
void schedule_bind(struct schedule *schedule, struct pod *pod, const char *node);
/* Says in its condition why it has no node (NULL: it has one), if that is not said yet. reason: a
 * literal, Kubernetes' "Unschedulable" or "SchedulerError". */
void schedule_tell(struct schedule *schedule, struct pod *pod, const char *reason,
                   const char *message);
/* Has its unbound claims get their volumes for that node. */
void schedule_select(struct schedule *schedule, struct pod *pod, const char *node,
                     const struct sched_storage *storage);

/* ---- schedule_claims.c: which pods use which claims, and what becomes of those ---- */

/* By what its view says; to be left before that changes. */
void schedule_enter_uses(struct schedule *schedule, struct pod *pod);
void schedule_leave_uses(struct schedule *schedule, struct pod *pod);
/* It takes room, or no longer. */
void schedule_place_uses(struct schedule *schedule, const struct pod *pod, bool placed);
/* Whether another pod that has a node, or is about to, uses a claim that is for one pod alone. */
bool schedule_uses_taken(const struct schedule *schedule, const struct pod *pod);
api_watch_fn schedule_on_claim, schedule_on_volume, schedule_on_class;
