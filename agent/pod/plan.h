#pragma once
/* What to do next for a pod: pure. The agent asks after every event; the answer depends on nothing
 * but the view, so that a restarted agent that sees the same view does the same. Cases are numbered
 * in CASES.md. */

#include "agent/keeper/report.h"

#include <stdbool.h>
#include <stdint.h>

/* One gate that must be open before a pod starts (images, volumes, network): level-triggered. */
enum pod_gate {
    POD_GATE_CLOSED,  /* nothing was tried yet, or what it held was lost */
    POD_GATE_OPENING, /* in progress */
    POD_GATE_FAILED,  /* tried and refused; again at retry_at */
    POD_GATE_OPEN,
};

enum pod_keeper {
    POD_KEEPER_NONE,
    POD_KEEPER_SPAWNING, /* started, has not reported yet */
    POD_KEEPER_SANDBOX,
    POD_KEEPER_RUNNING,
    POD_KEEPER_STOPPING,
    POD_KEEPER_ENDED,
    POD_KEEPER_REMOVING, /* remove was asked, gone has not come yet */
    POD_KEEPER_SILENT,   /* it lives, but this agent has not heard it yet: never planned */
};

struct pod_view {
    bool desired;    /* a manifest asks for it */
    bool deleting;   /* the manifest has a deletionTimestamp */
    bool changed;    /* the running plan was compiled from another spec */
    bool finished;   /* an exit record says that its containers ended for good */
    bool name_taken; /* an older pod with this namespace and name is still here */
    bool pause;      /* its manifest says that it is to stand still */
    bool paused;     /* it does */
    bool unpausable; /* it was tried, and cannot be here */
    bool refused;    /* this node has decided that it is not to run, for good: Failed */
    int64_t grace_s; /* to be used when it is stopped now */
    enum pod_keeper keeper;
    int64_t asked_grace_s; /* of the stop already asked of the keeper; -1 = none */
    enum pod_gate images, volumes, network;
    bool volumes_held; /* there may be something of its volumes */
    bool deadline_due; /* its keeper does not know of its deadline */
    /* Ephemeral containers that are not in the pod yet: the image of one was not asked for, one may
     * be added, one failed and is tried again then (0: none did). */
    bool debug_untried, debug_ready;
    int64_t debug_retry_at;
    bool resizing; /* its control groups have not got all the cpu and memory that it was given */
    int64_t images_retry_at, volumes_retry_at, network_retry_at, spawn_retry_at,
        resize_retry_at; /* boot ns; 0 = now */
};

enum pod_action_type {
    POD_WAIT, /* for an event, or until `at` if that is not 0 */
    POD_PULL_IMAGES,
    POD_PREPARE_VOLUMES,
    POD_SPAWN_KEEPER,
    POD_WIRE_NETWORK,
    POD_GO,
    POD_STOP,   /* with grace_s */
    POD_PAUSE,  /* freeze all of its processes */
    POD_RESUME, /* let them go on */
    POD_SET_DEADLINE,
    POD_PULL_DEBUG, /* images of ephemeral containers */
    POD_ADD_DEBUG,
    POD_RESIZE, /* tell its keeper what it was given */
    POD_REMOVE_KEEPER,
    POD_RELEASE_VOLUMES,
    POD_FORGET, /* release images, volumes, network, state; the record goes */
};

struct pod_action {
    enum pod_action_type type;
    int64_t at;       /* POD_WAIT: boot ns of the next retry; 0 = none */
    int64_t grace_s;  /* POD_STOP */
    const char *rule; /* the case of CASES.md, e.g. "S3" */
};

/* Exactly one action. Doing it changes the view, and the agent asks again. */
struct pod_action pod_plan(const struct pod_view *view, int64_t now);

/* "PullImages", for logs and `why`. */
const char *pod_action_name(enum pod_action_type type);
