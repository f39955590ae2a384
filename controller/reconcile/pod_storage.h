#pragma once
/* Looks up what a pod's claims ask of its node. */

#include "controller/api/api.h"
#include "controller/sched/storage.h"

struct pod_storage_ask {
    struct api *api;
    const struct api_user *user;
    struct volume_index *index; /* all the volumes there are */
    const char *ns, *pod, *uid;
    const struct sched_claims *claims;
};
/* Fills *ret, which is zeroed, and returns NULL; or returns why the pod fits on no node, in
 * Kubernetes' words (the caller's). */
char *pod_storage_read(const struct pod_storage_ask *ask, struct sched_storage *ret);
