#pragma once
/* The status of a pod as Kubernetes words it (core/v1 PodStatus), from what the node knows: pure.
 */

#include "agent/keeper/report.h"
#include "common/data/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the node knows of one container beside the keeper's report. Strings may be NULL. */
struct pod_container_facts {
    const char *image_id;       /* "sha256:..." once the image is here */
    const char *waiting_reason; /* why it cannot be started yet: ErrImagePull, ImagePullBackOff,
                                   CreateContainerConfigError... */
    const char *waiting_message;
    bool spent; /* an ephemeral one that ran under a keeper that died */
    /* Of one that runs, by its probes and hooks; not known: to run is to be started and ready. */
    bool ready_known;
    bool ready, started;
};

struct pod_facts {
    const struct value *spec;           /* spec of the manifest; NULL: it is gone */
    const struct keeper_report *report; /* NULL: no keeper, and no exit record either */
    bool finished; /* the report is the record of containers that ended for good */
    const struct pod_container_facts *containers; /* in the order of containers.h */
    size_t container_count;
    const char *pod_ip, *host_ip;
    int64_t start_wall_ns; /* when this node accepted the pod; 0 = unknown */
    int64_t now_wall_ns;
    bool paused;
    /* What it is to have of cpu and memory waits (Deferred, Infeasible); NULL: it was given. */
    const char *resize_reason, *resize_message;
    bool resizing;              /* its control groups have not got it yet; the report may say why */
    const char *refused_reason; /* the pod is Failed: this node will not run it */
    const char *refused_message;
    bool refused_ran;             /* its containers did, before */
    bool disrupted;               /* it is ended for what the node ran out of, not for itself */
    const struct value *previous; /* the status before: what it said last, and since when */
};

/* A new PodStatus map; the caller's. */
struct value *pod_status(const struct pod_facts *facts);

/* Of a PodStatus: 0 if the container has run, so that what it wrote, were it nothing, is its log.
 * previous: one before its last restart has. Else -EINVAL: 'container "app" in pod "web" is waiting
 * to start: ErrImagePull'. */
nodiscard int pod_status_has_run(const struct value *status, const char *pod, const char *container,
                                 bool previous, struct err *err);

/* "Pending", "Running", "Succeeded", "Failed". */
const char *pod_phase(const struct pod_facts *facts);
