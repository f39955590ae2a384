#pragma once
/* The probes and hooks of a pod's containers: asked while they run, and what follows from it.
 * Whether a container has started and is ready is known here and nowhere else; what an agent that
 * is started anew must know of it stands with the keeper, as marks of the container's attempt. */

#include "agent/keeper/exec_client.h"
#include "agent/keeper/report.h"
#include "common/base/buf.h"
#include "common/base/rng.h"
#include "common/data/value.h"
#include "common/loop/loop.h"

/* Marks beside KEEPER_MARK_STARTED and KEEPER_MARK_MAY_STOP. */
#define HEALTH_MARK_READY (1U << 8)
#define HEALTH_MARK_POST_START (1U << 9) /* the hook has run, or there is none */

#define HEALTH_MARK_PRE_STOP (1U << 10) /* that hook was begun */

/* What is known of the pod at this moment. Borrowed for as long as the caller of it runs. */
struct health_view {
    const struct value *spec; /* that it runs by; NULL: the manifest is gone, or another */
    const struct keeper_report *report; /* NULL: nothing of it runs */
    const char *address;                /* "" = none yet */
    int64_t grace_s; /* of its end now: of the manifest, or of the stop that was asked */
    bool adopted;    /* it ran before this agent did */
    bool paused;
    bool stopping; /* nothing is started again, and hooks before the end are due; one that ends
                      otherwise has KEEPER_MARK_ENDING */
};

struct health_handler {
    void (*view)(void *ctx, struct health_view *ret);
    void (*event)(void *ctx, const char *type, const char *reason, const char *message);
    /* A container has become started or ready, or is it no more. */
    void (*changed)(void *ctx);
    /* As in keepers.h, of this pod. */
    int (*mark)(void *ctx, const char *container, uint32_t attempt, uint32_t marks,
                struct err *err);
    int (*kill)(void *ctx, const char *container, uint32_t attempt, int64_t grace_s,
                struct err *err);
    exec_client_ask_fn *exec;
};

struct health;
struct health *health_new(struct loop *loop, struct rng *rng, const struct health_handler *handler,
                          void *ctx);
void health_free(struct health *health); /* what is under way is broken off */
/* The view may have changed: to be called after every report, pause and stop. */
void health_look(struct health *health);
/* Of a container that runs. False: nothing is known of it, it has no probes and no hooks, or does
 * not run. */
bool health_of(const struct health *health, const char *container, bool *ret_started,
               bool *ret_ready);
/* Why it runs and does not serve: a sentence in a line, or nothing. */
void health_why(const struct health *health, const char *container, struct buf *ret);
/* Whether a container that runs has something to do before it is told to stop. */
bool health_holds(const struct health *health);
/* Seconds that a container has to stop after its hook has used up the grace (the kubelet's). */
#define HEALTH_LEAST_GRACE_S 2
