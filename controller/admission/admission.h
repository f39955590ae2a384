#pragma once
/* Admission: what is changed in an object before it is written, and what is not let in, beyond what
 * the kinds' tables say. One table of small functions, run in its order. */

#include "controller/api/gate.h"

struct admission_config {
    /* How long pods stay on nodes that are not ready or out of reach, unless they say it. */
    int64_t not_ready_s, unreachable_s;
    /* Pods get their service account's token mounted. Off until nodes can do that. */
    bool mount_tokens;
};
#define ADMISSION_DEFAULTS ((struct admission_config){300, 300, false})

struct admission;
/* api is borrowed, config copied. Makes itself the API's gate: before the first write, freed after
 * api_stop. */
struct admission *admission_new(struct api *api, const struct admission_config *config);
/* For the controller that tells what is used of quotas. */
struct quotas *admission_quotas(struct admission *admission);
void admission_free(struct admission *admission); /* NULL is fine */
