#pragma once
/* What the agent holds of one pod, and the view that pod_plan decides by. Inside agent/pod only. */

#include "agent/image/images.h"
#include "agent/keeper/report.h"
#include "agent/net/net.h"
#include "agent/pod/backoff.h"
#include "agent/pod/plan.h"
#include "agent/pod/pull_progress.h"
#include "agent/pod/spec.h"
#include "agent/pod/verdict.h"
#include "agent/volume/volume.h"
#include "common/base/clock.h"

struct agent;
struct health;
struct pod_record;

/* A gate that failed: why, and when it is tried again. */
struct setback {
    struct backoff backoff;
    int64_t retry_at; /* boot ns; 0 = not failed */
    char *reason;     /* "ErrImagePull" */
    char *message;
};

struct record_container {
    struct pod_record *record;
    char *ref;           /* as the manifest has it, of the last try */
    struct image *image; /* referenced; NULL until it is here */
    struct image_request *request;
    struct pull_progress progress; /* of the last request */
    struct setback setback;
};

struct pod_record {
    struct agent *agent;
    char uid[POD_UID_LEN + 1];
    char *ns, *name;
    const struct pod_spec *spec; /* NULL: no manifest asks for it; set anew at each reload */
    /* resize.c: the manifest as it is; what the pod was given of cpu and memory (allocation.h;
     * NULL: not asked yet), and while that is something else spec, which has it instead; why so. */
    const struct pod_spec *wanted;
    struct value *allocated;
    struct pod_spec *held_spec;
    const char *resize_reason;
    char *resize_message;
    bool allocation_kept;          /* it stands on disk */
    bool resizing;                 /* its control groups have not got all that it was given */
    struct setback resize_setback; /* when its keeper is told again */
    bool is_static; /* of the static directory, by its manifest or its keeper's word */
    bool held;      /* a manifest that cannot be read may ask for it: left as it is */
    bool forgotten; /* gone for good, but still listed with a deletionTimestamp */
    char planned_hash[POD_HASH_LEN + 1]; /* of the spec the gates were opened for */

    struct record_container *containers; /* and behind them one of each volume of an image */
    size_t container_count, image_count;
    struct record_debug **debugs; /* debug.c */
    size_t debug_count;
    struct volume *volumes;
    size_t volume_count;
    bool volumes_ready;
    bool volumes_released; /* of a pod that has ended for good: they are gone */
    struct setback volumes_setback;
    char *refresh_problem; /* why files of a pod that runs do not follow, as last told */
    struct net_pod address;
    uint32_t user_base; /* of its user namespace (user_ids.h); 0: none, or not known yet */
    bool network_ready;
    struct setback network_setback;
    struct setback spawn_setback;

    enum pod_keeper keeper;
    struct keeper_report *report; /* the last one; NULL: never started, or everything was swept */
    struct health *health;        /* tend.c; NULL: nothing runs */
    bool adopted;                 /* its keeper was there before this agent */
    bool finished;
    bool judged;             /* it was asked whether this node takes it on */
    bool accepted;           /* and it does */
    struct verdict *verdict; /* NULL: none */
    bool paused;             /* all of it is frozen */
    bool timeless;           /* its keeper, of an older release, takes no deadline */
    bool unpausable;         /* that was tried, and this node cannot */
    int64_t grace_s;         /* of the last manifest seen */
    int64_t asked_grace_s;   /* -1 = no stop asked */
    int64_t accepted_wall_ns;
    int64_t stable_at; /* boot ns: a keeper that lives so long clears the spawn backoff */

    struct value *status;   /* as last published */
    struct value *recalled; /* as the agent before this one did, until then; NULL */
    bool dirty;
    bool token_changed;       /* files in its volumes are to follow */
    struct loop_timer *timer; /* the next retry */
};

struct pod_record *pod_record_new(struct agent *agent, const char *uid, const char *ns,
                                  const char *name);
/* Images, requests, network and timer were released before. */
void pod_record_free(struct pod_record *record);
/* Its containers have its files mounted, by the manifest that we know. */
bool pod_record_is_set_up(const struct pod_record *record);
struct pod_view pod_record_view(const struct pod_record *record, bool name_taken);
/* debug.c: the part of the view that is of ephemeral containers. */
void debug_view(const struct pod_record *record, struct pod_view *view);
void debug_free(struct pod_record *record);

/* resize.c: of an allocation that waits. */
void resize_release(struct pod_record *record);

/* Counts a failure: reason and message for people, the next try after a backoff. */
void setback_set(struct setback *setback, const struct backoff_policy *policy, int64_t now,
                 const char *reason, const char *message);
void setback_clear(struct setback *setback);
