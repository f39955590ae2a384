#pragma once
/* Who may not be at the broker any more is put out: the broker has no word for that, but gives a
 * client id to whoever comes with it last (MQTT 5 section 3.1.4). So the doorman reads in the
 * broker's log who comes, and comes himself in the name of who must go. Who was there before this
 * controller began, or has a client id longer than VISIT_ID_MAX, is not known to him: such a
 * connection stays, without rights (decision 0011). */

#include "common/base/err.h"
#include "common/base/rng.h"
#include "common/loop/loop.h"

#include <stdbool.h>

#define DOORMAN_KNOWN 4096 /* clients that are remembered; beyond it the oldest are forgotten */

struct doorman;
struct doorman_spec {
    struct loop *loop;
    struct rng *rng;
    const char *socket; /* the broker's, for whom nothing is forbidden */
    /* Whether that user must go. */
    bool (*unwanted)(void *ctx, const char *user);
    void *ctx;
};
/* All borrowed. */
nodiscard int doorman_new(const struct doorman_spec *spec, struct doorman **ret, struct err *err);
void doorman_free(struct doorman *doorman);
/* What is thought of that user may have changed: if he is unwanted, all that he has open is ended.
 */
void doorman_look(struct doorman *doorman, const char *user);
